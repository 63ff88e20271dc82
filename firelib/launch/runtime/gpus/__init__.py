"""The GPUs that a job has requested: a replica computes on them, or says why it cannot."""
