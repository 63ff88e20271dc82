"""Sources of any size: read in bounded batches, stored on disk, hashed and divided without all rows in memory."""
