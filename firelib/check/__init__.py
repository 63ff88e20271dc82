"""`firelib check`: find the mistakes of a project in seconds, before it runs.

Part one (`description`) reads the first rows of every source and imports neither Ray nor TensorFlow. Part two (`model`)
builds the model, trains one step, saves it and loads it again.
"""
