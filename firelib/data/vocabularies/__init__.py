"""Vocabularies of any size: distinct strings are counted in each shard, merged in a tree, and cut by frequency."""
