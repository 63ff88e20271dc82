"""The hash of everything that decides what a generation holds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from firelib import storage
from firelib.config.params import Data
from firelib.data.generations.code_hash import hash_code
from firelib.data.generations.plan import Generation
from firelib.data.lake import Commit, Lake, TableRecord
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


def name_generations(
    inputs: dict[str, Any] | None, generations: Sequence[Generation], lake: Lake, version: int | None
) -> list[str | None]:
    """The names of the records of generations.

    Args:
        inputs: What `describe_inputs` returned.
        generations: The generations.
        lake: Holds the commits of all tables.
        version: The wanted version (`data.version`) of tables that grow.
    """
    if inputs is None:
        return [None] * len(generations)
    shared = _hash(inputs)
    tables = {
        name: _hash_table(record, record.commits[: lake.resolve_version(name, version) + 1])
        for name, record in lake.tables.items()
    }
    return [_hash(_describe_generation(each, lake, shared, tables)) for each in generations]


def _describe_generation(generation: Generation, lake: Lake, shared: str, tables: Mapping[str, str]) -> dict[str, Any]:
    """What decides a generation: of what all have in common, the hashes."""
    table = generation.table
    own = {table: _hash_table(lake.tables[table], _list_read(generation, lake))} if table else {}
    groups = [commit.group for commit in generation.commits]
    members = {"index": generation.index, "groups": groups, "window": generation.window}
    return {"inputs": shared, "tables": {**tables, **own}, **members}


def _list_read(generation: Generation, lake: Lake) -> Sequence[Commit]:
    """The commits that a generation reads of the table that grows."""
    assert generation.table
    first = max(0, generation.commits[0].version - generation.window)
    return lake.tables[generation.table].commits[first : generation.commits[-1].version + 1]


def _hash_table(record: TableRecord, commits: Sequence[Commit]) -> str:
    return _hash({"columns": record.columns, "commits": [commit.sha256 for commit in commits]})


def _hash(value: Any) -> str:
    """SHA-256 of the shortest JSON, in hex: there may be thousands of names, and Python indents slowly."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


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
