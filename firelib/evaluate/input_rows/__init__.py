"""Rows to score: read them from JSON or from files, and validate them as rows of a dataset are validated."""
