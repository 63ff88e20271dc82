"""`firelib run`: bring a pipeline up to date with DVC."""
