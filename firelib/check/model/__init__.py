"""Part two of the check: the model."""
