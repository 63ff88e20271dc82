"""Shards -> Ray Train -> model. `trainer` runs on the driver, `loop` on each worker."""
