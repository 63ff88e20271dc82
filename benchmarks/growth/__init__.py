"""A dataset that grows by months: what a month costs, and how the dataset reads."""
