"""What raw bytes are: one file for each format, found by the name or the first bytes of a file."""
