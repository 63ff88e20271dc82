"""`firelib doctor --to vertex`: what the first job needs, read from Google Cloud. Nothing is changed there."""
