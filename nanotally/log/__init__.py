"""The log of counts: SQLite, a row a message, and what is derived from it."""

from nanotally.log.logger import Logger
from nanotally.log.parts import Parts
from nanotally.log.store import Store
from nanotally.log.tables import Frames, Particles

__all__ = ["Frames", "Logger", "Particles", "Parts", "Store"]
