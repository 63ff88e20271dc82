"""Tables to shards."""
