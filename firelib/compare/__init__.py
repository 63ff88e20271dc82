"""Comparison of two states of a project: parameters, data, metrics and curves."""
