"""The file format: record framing, the fixed layout, the canonical encoding, and the manifest."""
