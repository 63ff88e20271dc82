"""Write tables as shards."""
