"""The recipe's Keras model: build it, check it before the first step, compute its loss and metrics."""
