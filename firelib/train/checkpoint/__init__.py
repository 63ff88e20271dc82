"""Checkpoints: their content, their files, which of them are kept."""
