"""Raw sources -> Delta lake -> Dask on Ray -> shards."""
