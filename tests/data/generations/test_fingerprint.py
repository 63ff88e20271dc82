"""The names of generations are those of the commits that they read."""

import hashlib
import json

from firelib.data.generations.fingerprint import name_generations
from firelib.data.generations.plan import Generation
from firelib.data.lake import Commit, Lake, TableRecord

INPUTS = {"format": 1, "code": "0" * 64, "features": [{"name": "x", "shape": []}], "data": {"shard_mib": 0.5}}


def table(*hashes: str) -> TableRecord:
    commits = tuple(Commit(version=v, rows=v + 1, group={"day": v}, sha256=each) for v, each in enumerate(hashes))
    newest = len(hashes) - 1
    return TableRecord(
        source="x.csv", sha256="s", columns={"day": "int64", "x": "double"}, rows=9, version=newest, commits=commits
    )


LAKE = Lake(recipe="tiny", tables={"orders": table("a", "b", "c", "d"), "shops": table("e")})
ORDERS = LAKE.tables["orders"].commits


def hash_json(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe(orders: list[str], index: int, groups: list[dict[str, int]], window: int = 0) -> str:
    """The name: a hash of the hashes of what all generations share, and of the commits that this one reads."""
    columns = {"day": "int64", "x": "double"}
    commits = {"orders": orders, "shops": ["e"]}
    tables = {name: hash_json({"columns": columns, "commits": each}) for name, each in commits.items()}
    own = {"index": index, "groups": groups, "window": window}
    return hash_json({"inputs": hash_json(INPUTS), "tables": tables, **own})


def test_names_hash_the_commits_that_generations_read() -> None:
    generations = [Generation(0, "orders", ORDERS[:1]), Generation(1, "orders", ORDERS[1:3])]
    names = name_generations(INPUTS, generations, LAKE, 2)
    assert names == [describe(["a"], 0, [{"day": 0}]), describe(["b", "c"], 1, [{"day": 1}, {"day": 2}])]


def test_a_window_reads_earlier_commits() -> None:
    names = name_generations(INPUTS, [Generation(1, "orders", ORDERS[2:3], window=1)], LAKE, None)
    assert names == [describe(["b", "c"], 1, [{"day": 2}], window=1)]


def test_a_single_generation_reads_all_commits_up_to_the_version() -> None:
    assert name_generations(INPUTS, [Generation()], LAKE, 2) == [describe(["a", "b", "c"], 0, [])]
    assert name_generations(None, [Generation()], LAKE, 2) == [None]
