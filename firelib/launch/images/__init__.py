"""Which image runs a stage, and whether a registry's image fits the job."""
