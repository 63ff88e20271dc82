"""A running VM: its command line, its process, and its SSH server."""
