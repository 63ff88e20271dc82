"""What runs on each training worker."""
