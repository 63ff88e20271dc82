"""Geometry of the drawings. The templates turn it into inline SVG, whose colours follow the reader's theme."""
