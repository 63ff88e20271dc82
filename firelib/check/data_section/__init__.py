"""Checks of section `data` of params.yaml against the recipe and the first rows."""
