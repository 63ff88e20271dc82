"""Keys that several generations have."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.generations.key_files import BUCKETS, are_keys_intact, compare_buckets, is_repeated, write_keys
from firelib.data.split.position import identify_keys, key_hashes

KEY = ["shop", "id"]
Keys = list[tuple[str, int]]
some_keys = st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.integers(0, 5)), max_size=12)


def frame(keys: Keys) -> pd.DataFrame:
    return pd.DataFrame({"shop": pd.Series([shop for shop, _ in keys], dtype="str"), "id": [key for _, key in keys]})


@given(st.lists(st.lists(some_keys, min_size=1, max_size=2), min_size=1, max_size=4), st.integers(0, BUCKETS))
def test_the_earliest_generation_keeps_a_key(
    tmp_path_factory: pytest.TempPathFactory, generations: list[list[Keys]], edge: int
) -> None:
    folder = str(tmp_path_factory.getbasetemp() / "keys")
    Path(folder).mkdir(exist_ok=True)
    files = [[write_keys(frame(keys), KEY, folder) for keys in parts] for parts in generations]
    halves = [compare_buckets(files, folder, 0, edge), compare_buckets(files, folder, edge, BUCKETS)]
    seen: set[tuple[str, int]] = set()
    for index, parts in enumerate(generations):
        keys = sum(parts, [])  # noqa: RUF017  two short lists
        repeated = np.concatenate([half[index] for half in halves])
        assert is_repeated(frame(keys), KEY, repeated).tolist() == [key in seen for key in keys]
        assert len(repeated) == len(seen & {*keys})
        seen |= {*keys}


def test_a_file_has_each_key_once_and_a_name_by_its_content(tmp_path: Path) -> None:
    first = write_keys(frame([("a", 1), ("b", 2), ("a", 1)]), KEY, str(tmp_path))
    second = write_keys(frame([("b", 2), ("a", 1)]), KEY, str(tmp_path))
    assert first == second
    assert first.edges[-1] == 2
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_a_file_that_is_gone_or_short_is_not_intact(tmp_path: Path) -> None:
    file = write_keys(frame([("a", 1), ("b", 2)]), KEY, str(tmp_path))
    size = (tmp_path / file.name).stat().st_size
    assert are_keys_intact([file], {file.name: size})
    assert not are_keys_intact([file], {file.name: size - 1})
    assert not are_keys_intact([file], {})


def test_both_halves_of_an_identity_tell_keys_apart() -> None:
    keys = pd.DataFrame({"day": np.repeat(np.arange(300), 300), "id": np.tile(np.arange(300), 300)})
    identity = identify_keys(keys, ["day", "id"])
    assert (identity[:, 0] == key_hashes(keys, ["day", "id"])).all()
    for half in (0, 1):
        assert len(np.unique(identity[:, half])) == len(keys)
        bits = Counter((identity[:, half] >> np.uint64(60)).tolist())  # 5,625 are expected in each of 16 parts
        assert min(bits.values()) > 5_200
    agreeing = (identity[:, 0] >> np.uint64(56)) == (identity[:, 1] >> np.uint64(56))
    assert 0.002 < agreeing.mean() < 0.006  # 1 in 256: the halves do not follow from each other


def test_an_identity_does_not_depend_on_the_dtype() -> None:
    keys = pd.DataFrame({"shop": ["a", "b"], "id": [1, 2]})
    expected = identify_keys(keys, KEY)
    for kinds in ({"shop": "object", "id": "int8"}, {"shop": "string[pyarrow]", "id": "Int64"}):
        assert (identify_keys(keys.astype(kinds), KEY) == expected).all()
