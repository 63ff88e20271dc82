"""Read shards as batches: the order of an epoch, the files, the caches."""
