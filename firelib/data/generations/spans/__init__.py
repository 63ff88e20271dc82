"""Spans: adjacent generations that have one record together, so that a dataset of many is read from a few files."""
