"""Verification: recompute every hash that a project pins, and name all bytes that have changed."""
