"""The best parameters back into params.yaml, whose comments and order stay."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from firelib import storage
from firelib.errors import FirelibError


def write_best(path: Path, values: Mapping[str, Any]) -> None:
    """Set some parameters of a file.

    Args:
        path: params.yaml.
        values: Parameter, such as `train.lr` → its value.

    Raises:
        FirelibError: The file would not say what it should; it stays as it was.
    """
    from ruamel.yaml import YAML

    text = YAML()  # keeps comments and order
    text.preserve_quotes, text.width = True, 4096
    text.representer.add_representer(type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null"))
    text.representer.add_representer(float, _float)
    before = path.read_text(encoding="utf-8")
    content, wanted = text.load(before), yaml.safe_load(before)
    for name, value in values.items():
        _set(content, name, _in_a_line(value))
        _set(wanted, name, value)
    stream = io.StringIO()
    text.dump(content, stream)
    if yaml.safe_load(stream.getvalue()) != wanted:
        raise FirelibError(
            "the parameters could not be written back", where=str(path), remedy="write them by hand, as shown above"
        )
    storage.write_bytes(str(path), stream.getvalue().encode())


def _set(content: Any, name: str, value: Any) -> None:
    *sections, last = name.split(".")
    for section in sections:
        if content.get(section) is None:
            content[section] = {}
        content = content[section]
    content[last] = value


def _in_a_line(value: Any) -> Any:
    """`[128, 64]` rather than a line for each."""
    from ruamel.yaml.comments import CommentedSeq

    if not isinstance(value, list):
        return value
    sequence = CommentedSeq(value)
    sequence.fa.set_flow_style()
    return sequence


def _float(to: Any, value: float) -> Any:
    """YAML 1.1, which others read it by, takes `1e-05` for a word, and `1.0e-05` for a number."""
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return to.represent_scalar("tag:yaml.org,2002:float", text)
