"""The TFRecord engine: features -> layout -> encoded, framed records -> shards with a manifest -> batches.

Only `read.dataset` imports TensorFlow, and only when a `tf.data.Dataset` is asked for.
"""
