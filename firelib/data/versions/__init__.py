"""Differences between two versions of the data: schema, rows, and the distributions of features."""
