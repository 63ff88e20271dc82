"""The repository that the tests stand in."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
