from pathlib import Path

import pytest

from firelib import storage
from tests.errors import refused


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("storage", "{cwd}/storage"),
        ("./storage/", "{cwd}/storage"),
        ("/data/x", "/data/x"),
        ("file:///data/x", "/data/x"),
        ("local:///data/x", "/data/x"),
        ("~/x", "{home}/x"),
        ("gs://bucket/prefix/", "gs://bucket/prefix"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_an_absolute_uri_does_not_depend_on_the_working_directory(uri: str, expected: str) -> None:
    assert storage.absolute(uri) == expected.format(cwd=Path.cwd(), home=Path.home())


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("storage", "/project/storage"),
        ("../x", "/project/../x"),
        ("~/x", "{home}/x"),
        ("file:///data/x", "/data/x"),
        ("/data/x", "/data/x"),
        ("gs://bucket/x", "gs://bucket/x"),
    ],
)
def test_relative_paths_start_from_a_folder(uri: str, expected: str) -> None:
    assert storage.absolute(uri, Path("/project")) == expected.format(home=Path.home())
    assert storage.is_relative(uri) == expected.startswith(("/project", "{home}"))


def test_join_ignores_a_trailing_slash() -> None:
    assert storage.join("gs://bucket/", "a", "b") == "gs://bucket/a/b"


def test_a_scheme_without_its_package_names_what_to_install() -> None:
    with refused(where="adl://account/file", remedy="install"):
        storage.exists("adl://account/file")
