import errno
import math
import os
from itertools import pairwise
from pathlib import Path

import pytest

from firelib.config import read_yaml_mapping
from firelib.errors import MergeConflictError
from tests.errors import refused


def read(path):
    return read_yaml_mapping(path, if_missing="pass --file", if_no_mapping="see docs/file.md")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.yaml"


def test_mapping(path):
    path.write_text("a: 1\nb: [x, é]")
    assert read(path) == {"a": 1, "b": ["x", "é"]}


@pytest.mark.parametrize("text", ["", "just a word", "- a\n- b"])
def test_anything_else_is_refused(path, text):
    path.write_text(text)
    with refused(what=[path, "mapping"], where=path, remedy="docs/file.md"):
        read(path)


def test_wrong_syntax_names_the_line(path):
    path.write_text("recipe: [flights")
    with refused(what=[path, "YAML", "line 1"], where=path, remedy="syntax"):
        read(path)


def test_a_merge_conflict_is_named(path):
    path.write_text("train:\n<<<<<<< HEAD\n  lr: 1\n=======\n  lr: 2\n>>>>>>> other\n")
    with refused(what="line 2", where=path, remedy="git checkout", kind=MergeConflictError):
        read(path)
    path.write_text("text: |\n  <<<<<<< HEAD\n  >>>>>>> other\n")
    assert read(path) == {"text": "<<<<<<< HEAD\n>>>>>>> other\n"}


@pytest.mark.parametrize("text", ["lr: 1\na: {lr: 2}\nlr: 3", "a:\n  - {lr: 1, lr: 3}\n", '"lr": 1\nlr: 2'])
def test_repeated_key(path, text):
    path.write_text(text)
    with refused(what=[path, "lr", f"line {text.count(chr(10)) + 1 if text[0] != 'a' else 2}"], where=path):
        read(path)


@pytest.mark.parametrize("number", ["1_0", "010", "1:30", "1_0.5", "-0_1", "1:30.5", "0.5_1"])
def test_number_that_yaml_reads_as_another_one(path, number):
    path.write_text(f"a: 1\nport: {number}")
    with refused(what=[path, number, "line 2"], where=path):
        read(path)


def test_plain_numbers_and_quoted_text(path):
    path.write_text("a: [0, -1, +2, 0x1F, 0.5, 1.0e-3, -.inf, .nan, '1_0', '010', 1.]")
    values = read(path)["a"]
    assert str(values) == str([0, -1, 2, 31, 0.5, 0.001, -math.inf, math.nan, "1_0", "010", 1.0])


def test_merged_keys_may_be_overridden(path):
    path.write_text("x: {b: &b {<<: &a {k: 1, l: 1}, k: 2}}\nc: {<<: *b}")
    assert read(path)["x"]["b"] == {"k": 2, "l": 1}


def test_file_that_is_no_text(path):
    path.write_bytes(b"recipe: \xff\xfe")
    with refused(what=[path, "YAML", "0xff"], where=path):
        read(path)


def test_missing_file_names_the_working_directory(path):
    with refused(what=path, where=Path.cwd(), remedy="--file"):
        read(path)


def test_folder(tmp_path):
    with refused(what=[tmp_path, os.strerror(errno.EISDIR)], where=tmp_path, remedy="permissions"):
        read(tmp_path)


def multiply(first, line):
    """Nine lines, each of which repeats the line before ten times."""
    names = "abcdefghij"
    lines = [line(name, ", ".join([f"*{before}"] * 10)) for before, name in pairwise(names)]
    return "\n".join([first, *lines])


HOSTILE = {
    "an empty integer": ('a: !!int ""', "index out of range"),
    "nested sequences": ("x: " + "[" * 100_000, "50 levels"),
    "nested mappings": ("x: " + "{a: " * 5_000 + "1" + "}" * 5_000, "50 levels"),
    "nested blocks": ("".join(" " * level + "a:\n" for level in range(600)), "50 levels"),
    "a billion laughs": (multiply("a: &a [x]", lambda name, aliases: f"{name}: &{name} [{aliases}]"), "10,000 values"),
    "merged keys": (
        multiply("a: &a {k: 1}", lambda name, aliases: f"{name}: &{name} {{<<: [{aliases}]}}"),
        "10,000 values",
    ),
    "many values": ("x: [" + "1," * 120_000 + "]", "10,000 values"),
    "a node in itself": ("x: &x {y: *x}", "*x"),
    "an unknown alias": ("x: *y", "*y"),
    "a large file": ("x: " + "y" * (1 << 20), "256 KiB"),
    "many digits": ("x: " + "1" * 5_000, "5000 characters"),
    "many hexadecimal digits": ("x: 0x" + "f" * 100_000, "100002 characters"),
    "half of a pair": ('x: "\\ud800"', "surrogate"),
    "half of a pair in a key": ('"\\ud800": 1', "surrogate"),
    "no such day": ("x: 2001-99-99", "month"),
    "no Boolean": ("x: !!bool maybe", "maybe"),
    "no time": ("x: !!timestamp soon", "YAML"),
    "an object": ("x: !!python/object/apply:os.system [id]", "python/object"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_content_is_refused_at_once(path, kind):
    text, named = HOSTILE[kind]
    path.write_text(text)
    with refused(what=[path, named], where=path, remedy="syntax") as caught:
        read(path)
    assert len(str(caught.value)) < 1000
    str(caught.value).encode()  # it can be printed


def test_a_file_that_never_ends_is_refused():
    with refused(what="256 KiB", where="/dev/zero"):
        read(Path("/dev/zero"))


def test_aliases_and_a_byte_order_mark(path):
    path.write_text("\ufeffa: &a [1, 2]\nb: *a\nc: [*a, *a]")
    assert read(path) == {"a": [1, 2], "b": [1, 2], "c": [[1, 2], [1, 2]]}
