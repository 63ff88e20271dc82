"""Serving: a trained model as an HTTP server, with TensorFlow and without Ray, Dask and Keras."""
