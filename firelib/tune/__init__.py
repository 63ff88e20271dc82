"""Hyperparameter search: trials of a recipe, run by Ray Tune."""
