"""`firelib run` as one job for each stage, where an image holds one component."""
