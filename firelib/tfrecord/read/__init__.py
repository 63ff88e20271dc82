"""Shards to batches: the order of an epoch, the files, the caches."""
