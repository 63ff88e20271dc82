"""A Ray cluster of a cluster file, seen from the caller's machine: SSH, tunnel, start, state."""
