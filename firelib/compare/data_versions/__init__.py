"""Two versions of the data, compared; and the metrics of the models that were trained on each version."""
