"""Folders of pictures, and tables with the paths of pictures."""
