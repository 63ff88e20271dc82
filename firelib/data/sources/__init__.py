"""Where raw bytes come from: one file for each kind of source, found by the scheme of a URI."""
