"""Commands about what has been made: comparison of two states, report, verification."""
