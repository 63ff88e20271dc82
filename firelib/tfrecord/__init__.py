"""The TFRecord engine: features -> layout -> encoded, framed records -> shards with a manifest -> batches.

Only `reader` imports TensorFlow, and only when a `tf.data.Dataset` is asked for.
"""
