"""Generations: runs of commits whose shards are made once and never again, however many commits follow."""
