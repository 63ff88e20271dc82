"""The hash of everything that decides what a generation holds."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from firelib import storage
from firelib.config.params import Data
from firelib.data.generations.code_hash import hash_code
from firelib.data.generations.plan import Generation
from firelib.data.lake import Lake, TableRecord
from firelib.data.quality.trained_sample import limits_drift
from firelib.data.split.position import Hashes
from firelib.recipe import Feature, Recipe, find_split_rule, split_columns
from firelib.storage.json_files import encode_json, join_json

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
    # Most of what is hashed is the same for all generations, and encoded once.
    shared = {name: encode_json(value) for name, value in inputs.items()}
    tables = {
        name: _encode_table(record, 0, lake.resolve_version(name, version)) for name, record in lake.tables.items()
    }
    return [_name_generation(shared, tables, each, lake) for each in generations]


def _name_generation(shared: Mapping[str, str], tables: Mapping[str, str], generation: Generation, lake: Lake) -> str:
    own = {}
    if generation.table:
        first = max(0, generation.commits[0].version - generation.window)
        own[generation.table] = _encode_table(lake.tables[generation.table], first, generation.commits[-1].version)
    groups = [commit.group for commit in generation.commits]
    identity = {"index": generation.index, "groups": groups, "window": generation.window}
    members = {name: encode_json(value) for name, value in identity.items()}
    joined = join_json({**shared, **members, "tables": join_json({**tables, **own})})
    return hashlib.sha256(f"{joined}\n".encode()).hexdigest()


def _encode_table(record: TableRecord, first: int, last: int) -> str:
    hashes = [commit.sha256 for commit in record.commits[first : last + 1]]
    return encode_json({"columns": record.columns, "commits": hashes})


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
