"""Experiment tracking with Weights & Biases or TensorBoard."""
