"""Tracking: which particle is which, from frame to frame and back again."""

from nanotally.daemon.tracking.tracker import Particles, Tracker

__all__ = ["Particles", "Tracker"]
