"""The hash of everything that decides what a generation holds."""

import hashlib
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from firelib import storage
from firelib.config.params import Data
from firelib.data.generations.code_hash import hash_code
from firelib.data.generations.plan import Generation
from firelib.data.lake import Lake
from firelib.data.quality.trained_sample import limits_drift
from firelib.data.split.position import Hashes
from firelib.recipe import Feature, Recipe, find_split_rule, split_columns

_FORMAT = 1  # of records; files of another format have other names
_FEATURES = TypeAdapter(list[Feature])


def describe_inputs(recipe: Recipe, data: Data) -> dict[str, Any] | None:
    """What decides all generations of a dataset alike.

    Args:
        recipe: The recipe, without copies of rows.
        data: Splits, copies and the size of the shards.

    Returns:
        None if the recipe's code is not known: then no record can be used.
    """
    code = hash_code(recipe)
    if code is None:
        return None
    # A recipe that `load_recipe` returns has no members of its own; one that a program makes may have.
    own = {name: repr(value) for name, value in vars(recipe).items() if name != "sources"}
    return {
        "format": _FORMAT,
        "code": code,
        "features": _FEATURES.dump_python([*recipe.features, recipe.label], mode="json"),
        "key": list(recipe.key),
        "split": [find_split_rule(recipe).value, *split_columns(recipe)],
        "members": own,
        "sampled": limits_drift(recipe),
        "data": data.model_dump(mode="json", include={"split", "scale", "shard_mib"}),
    }


def name_generation(
    inputs: dict[str, Any] | None, generation: Generation, lake: Lake, version: int | None
) -> str | None:
    """The name of a generation's record.

    Args:
        inputs: What `describe_inputs` returned.
        generation: The generation.
        lake: Holds the commits of all tables.
        version: The wanted version (`data.version`) of tables that grow.
    """
    if inputs is None:
        return None
    tables = {}
    for name, record in lake.tables.items():
        own = generation.table == name
        last = generation.commits[-1].version if own else lake.resolve_version(name, version)
        first = max(0, generation.commits[0].version - generation.window) if own else 0
        hashes = [commit.sha256 for commit in record.commits if first <= commit.version <= last]
        tables[name] = {"columns": record.columns, "commits": hashes}
    own_groups = [commit.group for commit in generation.commits]
    identity = {"tables": tables, "index": generation.index, "groups": own_groups, "window": generation.window}
    return storage.sha256_json({**inputs, **identity})


def name_without(name: str | None, repeated: Hashes) -> str | None:
    """The name of the record of a generation without the rows of some keys.

    Args:
        name: The generation's own name.
        repeated: The keys, sorted; uint64 [keys, 2].
    """
    if name is None or not len(repeated):
        return name
    keys = hashlib.sha256(np.ascontiguousarray(repeated, "<u8").data).hexdigest()
    return storage.sha256_json({"generation": name, "without": keys})
