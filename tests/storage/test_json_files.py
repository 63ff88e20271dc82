import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib import storage
from firelib.errors import MergeConflictError
from firelib.storage.json_files import encode_json
from tests.errors import refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_missing_and_incomplete_json_name_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "lake.json"
    with refused(what=file, where=file, remedy=["stage", "dvc dag"]):
        storage.read_json(str(file))
    file.write_text('{"a": ')
    with refused(what=[file, "JSON", "column 7"], where=file, remedy=["delete", "stage"]):
        storage.read_json(str(file))
    file.write_text('[{"a": {"b": 1, "b": 2}}]')
    with refused(what=[file, "JSON", "b"], where=file, remedy=["delete", "stage"]):
        storage.read_json(str(file))
    file.write_bytes(b"\xff\xff")
    with refused(what=[file, "JSON", "0xff"], where=file, remedy=["delete", "stage"]):
        storage.read_json(str(file))


@given(st.dictionaries(st.text(), JSON, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_json_depends_on_the_value_alone(value: dict[str, object], random: object) -> None:
    names = list(value)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert storage.to_json({name: value[name] for name in names}) == storage.to_json(value)
    assert storage.sha256_json(value) == hashlib.sha256(storage.to_json(value)).hexdigest()


@given(JSON | st.dictionaries(st.integers() | st.booleans(), JSON, max_size=3).map(lambda value: {"a": [value]}))
def test_canonical_json_is_what_python_writes(value: object) -> None:
    """Also of empty and nested members, tuples, and names that are no strings."""
    for each in (value, {"x": (value, [], {})}, [value]):
        assert encode_json(each) == json.dumps(each, indent=2, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[" * 1_000_000, "nested"),
        ("[" * 900 + "]" * 900, "100 levels"),
        ('{"a":' * 101 + "1" + "}" * 101, "100 levels"),
        ("1" * 5000, "5000 digits"),
        ('{"rows": -' + "1" * 101 + "}", "digits"),
        (r'"\ud800"', "surrogate"),
        (r'{"\uDFFF": 1}', "surrogate"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "'b'"),
    ],
)
def test_json_that_no_program_could_use_is_refused(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with refused(what=[file, named], where=file):
        storage.read_json(str(file))


def test_a_merge_conflict_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{\n<<<<<<< HEAD\n  "a": 1\n=======\n  "a": 2\n>>>>>>> other\n}\n')
    with refused(what="line 2", where=file, remedy="git checkout", kind=MergeConflictError):
        storage.read_json(str(file))


@pytest.mark.parametrize("value", ["😀", "[" * 500, ["[{" * 300, [[["deep"]]]], 10**99, {"a": {"a": 1}}])
def test_unusual_json_is_read(tmp_path: Path, value: object) -> None:
    for ascii_only in (False, True):
        (tmp_path / "x.json").write_text(json.dumps(value, ensure_ascii=ascii_only))
        assert storage.read_json(str(tmp_path / "x.json")) == value
