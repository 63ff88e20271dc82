"""The first rows of a source, to check a recipe or to write one before anything is extracted."""

from firelib.data.preview.first_rows import FirstRows
from firelib.data.preview.preview_source import preview_source, read_first_rows
from firelib.data.preview.samples import preview_samples

__all__ = ["FirstRows", "preview_samples", "preview_source", "read_first_rows"]
