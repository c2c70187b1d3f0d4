"""The journal: every detections message on disk before it is sent, in segment files that are dropped whole."""

from nanotally.daemon.journal.book import Book, Page
from nanotally.daemon.journal.journal import Journal

__all__ = ["Book", "Journal", "Page"]
