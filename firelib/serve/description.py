"""Describe a served model: what it takes, what it predicts, and which run made it."""

import json
import math
from pathlib import Path
from typing import Any

from firelib.recipe import Feature, Recipe, TaskKind, count_outputs, infer_task


def describe_model(recipe: Recipe, model_folder: Path) -> dict[str, Any]:
    """Describe a model as `GET /schema` returns it.

    Args:
        recipe: The recipe.
        model_folder: `models/<recipe>`.
    """
    kind = infer_task(recipe.label)
    classes = list(recipe.classes) or [str(value) for value in range(count_outputs(recipe.label)[-1])]
    return {
        "recipe": recipe.name,
        "features": [describe_feature(feature) for feature in recipe.features],
        "label": {
            **describe_feature(recipe.label),
            "task": kind.value,
            **({} if kind is TaskKind.REGRESSION else {"classes": classes}),
        },
        "model": _read_lineage(model_folder),
    }


def describe_feature(feature: Feature) -> dict[str, Any]:
    """The declaration of a feature, without what it does not declare; null stands for a range without an end."""
    optional = {
        "shape": list(feature.shape) or None,
        "max_length": feature.max_length,
        "range": list(map(_finite, feature.range)) if feature.range else None,
        "nullable": feature.nullable or None,
        "missing": feature.missing,
        "ragged": feature.ragged or None,
        "optional": feature.optional or None,
        "description": feature.description or None,
    }
    declared = {name: value for name, value in optional.items() if value is not None}
    return {"name": feature.name, "dtype": feature.dtype, **declared}


def expected_value(feature: Feature) -> str:
    """What a request must hold for a feature, as a remedy."""
    kind = f"a list of {feature.dtype}" if feature.ragged else feature.dtype
    kind = f"{kind} of shape {list(feature.shape)}" if feature.shape else kind
    within = _describe_range(*feature.range) if feature.range else ""
    length = f" of at most {feature.max_length} bytes" if feature.max_length else ""
    missing = ", or null" if feature.nullable or feature.optional else ""
    return f"send {kind}{length}{within}{missing}"


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def _describe_range(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f" from {low:g} to {high:g}"
    if math.isfinite(low):
        return f" of at least {low:g}"
    return f" of at most {high:g}" if math.isfinite(high) else ""


def _read_lineage(folder: Path) -> dict[str, Any]:
    """Identities of the run; no paths or parameters."""
    path = folder / "lineage.json"
    record = json.loads(path.read_text()) if path.is_file() else {}
    data = record.get("data", {})
    return {
        "run": data.get("run"),
        "created": record.get("created"),
        "manifest_sha256": data.get("manifest_sha256"),
        "weights_sha256": data.get("weights_sha256"),
        "git_revision": (record.get("git") or {}).get("revision"),
        "tensorflow": (record.get("packages") or {}).get("tensorflow"),
    }
