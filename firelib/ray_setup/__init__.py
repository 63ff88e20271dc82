"""Ray as firelib uses it: start it here, or find the one that runs."""
