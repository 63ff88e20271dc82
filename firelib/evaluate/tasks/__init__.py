"""Evaluation tasks: for each kind of label, what to compute, compare with and draw."""
