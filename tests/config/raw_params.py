"""Valid parameters as a YAML parser returns them, with changes."""

from typing import Any


def raw_params(**changes: Any) -> dict[str, Any]:
    """Valid parameters; `train__lr=1.0` replaces a value of a section."""
    params: dict[str, Any] = {
        "recipe": "flights",
        "storage": {"root": "storage"},
        "data": {"version": None, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}, "shard_mib": 16},
        "train": {"workers": 2, "global_batch_size": 1024, "epochs": 4, "lr": 0.001, "seed": 42},
    }
    for path, value in changes.items():
        *sections, name = path.split("__")
        inner = params
        for section in sections:
            inner = inner[section]
        inner[name] = value
    return params
