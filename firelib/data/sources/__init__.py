"""Where raw bytes come from."""
