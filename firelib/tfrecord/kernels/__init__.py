"""Numba kernels: compiled loops over bytes. They import nothing from the rest of firelib."""

from firelib.tfrecord.kernels.announcement import announce

announce()
