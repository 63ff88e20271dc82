"""What raw bytes are."""
