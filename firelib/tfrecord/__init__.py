"""The TFRecord engine: features → layout → encoded, framed records → shards with a manifest → batches.

Packages: `kernels` (compiled loops), `format` (bytes and manifest), `write` and `read`. `write` and `read` never import
each other. Only `read` imports TensorFlow, and only when a `tf.data.Dataset` is requested.
"""
