"""Rendered streams: a benchmark that needs no outside data."""
