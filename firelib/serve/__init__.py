"""Serving: a trained model as an HTTP server, with TensorFlow, without Ray and Dask."""
