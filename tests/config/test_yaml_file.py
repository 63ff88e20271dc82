import errno
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
