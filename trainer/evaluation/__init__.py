"""Evaluation: a bundle is asked about labelled micrographs, and its answers become figures, tables and a report."""
