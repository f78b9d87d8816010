"""Composed streams: untrimmed videos made of labelled photographs."""
