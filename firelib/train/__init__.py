"""Training with Ray Train: `driver` runs where `firelib train` was called, `worker` on every worker."""
