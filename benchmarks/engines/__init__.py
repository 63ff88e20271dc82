"""Engines that do the same transform of the same tables, each in a process of its own."""
