"""Score rows with nothing but TensorFlow and NumPy: docs/serving.md shows this function."""

import json
import sys

import numpy as np
import tensorflow as tf


def score(folder, rows):
    """Outputs of the SavedModel for rows: name -> value, arrays as lists, a ragged feature as a list."""
    model = tf.saved_model.load(folder)  # keep it: the function works as long as the model exists
    serve = model.signatures["serving_default"]
    inputs = {}
    for name, spec in serve.structured_input_signature[1].items():
        if name.endswith("_row_splits"):
            lengths = [len(row[name.removesuffix("_row_splits")]) for row in rows]
            inputs[name] = tf.constant(np.cumsum([0, *lengths]), tf.int64)
        elif name.endswith("_values"):
            values = [value for row in rows for value in row[name.removesuffix("_values")]]
            inputs[name] = tf.constant(values, spec.dtype)
        else:
            inputs[name] = tf.constant([row[name] for row in rows], spec.dtype)
    (outputs,) = serve(**inputs).values()
    return outputs.numpy()


if __name__ == "__main__":
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(score(job["folder"], job["rows"]).tolist()), flush=True)  # noqa: T201  the result
    assert not [name for name in ("firelib", "ray") if name in sys.modules]
