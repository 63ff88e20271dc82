"""Evaluation: metrics, curves and charts of the model and of baselines on the test split."""
