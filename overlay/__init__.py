"""The live page of a microscope: a subscriber of its own. Nothing here yet."""
