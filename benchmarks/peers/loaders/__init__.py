"""Loaders of training data, one per file, all with the same two functions.

`write(columns, schema, folder)` writes the loader's files. `prepared(job)` imports and starts what the loader needs;
within it, a function starts an endless iteration over batches, epoch after epoch, shuffled.
"""
