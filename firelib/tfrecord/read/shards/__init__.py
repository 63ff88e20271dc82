"""The bytes of shards: opened, copied from a bucket, decompressed, cached and checked."""
