"""Write the best parameters into params.yaml; comments and order stay."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from firelib import storage
from firelib.errors import FirelibError


def write_best(path: Path, values: Mapping[str, Any]) -> None:
    """Set parameters in a YAML file.

    Args:
        path: params.yaml.
        values: Parameter, such as `train.lr` → value.

    Raises:
        FirelibError: The edited file would not parse to these values; the file is left unchanged.
    """
    from ruamel.yaml import YAML

    editor = YAML()  # ruamel.yaml's round-trip mode keeps comments and order
    editor.preserve_quotes, editor.width = True, 4096
    editor.representer.add_representer(type(None), _represent_none)
    editor.representer.add_representer(float, _represent_float)
    before = path.read_text(encoding="utf-8")
    content, expected = editor.load(before), yaml.safe_load(before)
    for name, value in values.items():
        _set(content, name, _to_flow_style(value))
        _set(expected, name, value)
    stream = io.StringIO()
    editor.dump(content, stream)
    if yaml.safe_load(stream.getvalue()) != expected:
        raise FirelibError(
            f"cannot write these values as YAML: {dict(values)}",
            where=str(path),
            remedy="set the parameters by hand, as the table of trials shows them",
        )
    storage.write_bytes(str(path), stream.getvalue().encode())


def _set(content: Any, name: str, value: Any) -> None:
    *sections, last = name.split(".")
    for section in sections:
        if content.get(section) is None:
            content[section] = {}
        content = content[section]
    content[last] = value


def _to_flow_style(value: Any) -> Any:
    """Write a list on one line, as `[128, 64]`."""
    from ruamel.yaml.comments import CommentedSeq

    if not isinstance(value, list):
        return value
    sequence = CommentedSeq(value)
    sequence.fa.set_flow_style()
    return sequence


def _represent_none(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _represent_float(representer: Any, value: float) -> Any:
    """Write a float that YAML 1.1 (PyYAML) reads as a number: it reads `1e-05` as a string, but not `1.0e-05`."""
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return representer.represent_scalar("tag:yaml.org,2002:float", text)
