"""The report of a project: one HTML file with its evidence, a Croissant file, a model card, and their verification."""
