"""Experiment tracking: Weights & Biases and TensorBoard."""
