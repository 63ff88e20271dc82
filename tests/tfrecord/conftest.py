"""Hypothesis without a deadline: first calls compile kernels or import TensorFlow."""

from hypothesis import settings

settings.register_profile("engine", deadline=None)
settings.load_profile("engine")
