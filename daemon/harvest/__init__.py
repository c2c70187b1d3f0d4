"""Frames that the model is in doubt about, kept with pre-labels for people to correct."""
