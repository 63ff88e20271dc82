"""The canonical layout: the encoding of deterministic serialisation."""
