"""Environments that run jobs: one package for each built-in backend, and the registry that finds them by name."""
