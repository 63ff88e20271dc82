"""Benchmarks: one file per question; `report` summarizes the results."""
