"""Benchmarks: one file a question; `report` draws what they found."""
