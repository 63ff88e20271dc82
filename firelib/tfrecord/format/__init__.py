"""How bytes stand in a TFRecord file: framing, the fixed layout and the canonical encoding, the manifest."""
