"""Lines of the keys in a YAML file."""

from collections.abc import Sequence
from pathlib import Path

import yaml


class YamlLines:
    """Finds the lines of a YAML file's keys.

    Args:
        file: A file that is valid YAML.
    """

    def __init__(self, file: Path) -> None:
        try:
            self._root = yaml.compose(file.read_text(encoding="utf-8-sig"), yaml.SafeLoader)
        except (OSError, ValueError, yaml.YAMLError):
            self._root = None

    def find(self, location: Sequence[int | str]) -> int | None:
        """The line of a key; of the nearest section above it that exists, if the key is missing.

        Args:
            location: Keys from the top, such as `("train", "lr")`.
        """
        node, line = self._root, None
        for part in location:
            if not isinstance(node, yaml.MappingNode):
                break
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                break
            key, node = pairs[-1]
            line = key.start_mark.line + 1
        return line
