"""The rows of a source of any size, in batches of bounded size."""
