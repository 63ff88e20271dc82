"""Building blocks for the model of a recipe: `build_model` imports them, since they import Keras."""

from firelib.layers.inputs import encode_inputs

__all__ = ["encode_inputs"]
