"""The split of a new project: what the user wishes, the shares, and the cut dates."""
