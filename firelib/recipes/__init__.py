"""Recipes that ship with firelib; each imports nothing of it but `firelib.recipe`."""
