"""Compiled loops over bytes (Numba)."""
