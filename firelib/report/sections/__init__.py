"""The sections of a report: each module turns one kind of evidence into blocks."""
