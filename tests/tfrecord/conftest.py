"""Disable Hypothesis's deadline: a first call compiles kernels or imports TensorFlow."""

from hypothesis import settings

settings.register_profile("engine", deadline=None)
settings.load_profile("engine")
