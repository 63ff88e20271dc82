"""Rows between partitions: files of blocks, the exchange of joins and group-bys, and files sorted by position."""
