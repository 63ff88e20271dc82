import errno
import math
import os
from pathlib import Path

import pytest

from firelib.config import read_yaml_mapping
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
