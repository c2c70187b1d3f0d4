"""The live overlay: a page that shows what daemons see; a subscriber and control client in a process of its own."""
