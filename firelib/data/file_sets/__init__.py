"""Files that are one table together: the columns in the names of their folders, and their common schema."""
