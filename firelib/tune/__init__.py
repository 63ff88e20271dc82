"""The search for better parameters: trials of a recipe, run by Ray Tune."""
