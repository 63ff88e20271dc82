"""The images, built for real: each holds its component and nothing else, stays small, and no secret of the builder."""

import json
import subprocess

import pytest

from firelib.launch.oci_registry import image_facts
from firelib.storage import sha256_file
from tests.launch.drill import PLANTED
from tests.project import ROOT

pytestmark = pytest.mark.containers

COMPONENTS = ("extract", "transform", "trainer")
#: Component → the most bytes that it may have, uncompressed and as a registry keeps it. docs/images.md has figures.
LIMITS = {"extract": (1.35e9, 0.47e9), "transform": (1.35e9, 0.47e9), "trainer": (3.2e9, 1.1e9)}


def about(images, component):
    [image] = json.loads(images.docker("inspect", f"firelib-{component}"))
    return image


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_holds_its_component_and_nothing_else(images, component):
    said = images.docker("run", "--rm", "--network", "none", f"firelib-{component}", "self-check")
    assert "Traceback" not in said
    find = ("find", f"firelib-{component}", "/", "-xdev", "(", "-name", ".git", "-o", "-path", "*/firelib/*/tests", ")")
    listed = images.docker("run", "--rm", "--network", "none", "--user", "root", "--entrypoint", *find)
    assert listed == ""


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_says_what_it_is(images, component):
    image = about(images, component)
    assert image["Config"]["User"] == "firelib"
    assert (image["Os"], image["Architecture"]) == ("linux", "amd64")
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"firelib-{component}"
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert labels["org.opencontainers.image.revision"].startswith(revision.strip())
    assert labels["firelib.lock_sha256"] == sha256_file(ROOT / "uv.lock")


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_stays_small(images, pushed, component):
    folder, _ = pushed
    manifest = json.loads((folder / f"lab_firelib-{component}:latest").read_text())
    size, packed = about(images, component)["Size"], sum(layer["size"] for layer in manifest["layers"])
    assert size < LIMITS[component][0], f"{size / 1e6:.0f} MB"
    assert packed < LIMITS[component][1], f"{packed / 1e6:.0f} MB compressed"


def test_extract_and_transform_share_all_layers_but_names(pushed):
    folder, _ = pushed
    layers = [json.loads((folder / f"lab_firelib-{name}:latest").read_text())["layers"] for name in COMPONENTS[:2]]
    assert layers[0] == layers[1]


@pytest.mark.parametrize("component", ["extract", "trainer"])
def test_no_secret_of_the_builder_is_in_an_image(images, component):
    """Over all files of all layers, the history and the configuration; words of a file show that layers are read."""
    name, words = f"firelib-{component}", "Entry point of the images"
    pattern = "|".join([*PLANTED.values(), words])
    found = subprocess.run(
        f"(docker save {name}; docker history --no-trunc {name}; docker inspect {name})"
        f" | grep --text --extended-regexp --only-matching '{pattern}' | sort --unique",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines() == [words]


def test_the_registry_says_what_an_image_is(pushed):
    _, names = pushed
    assert set(names) == set(COMPONENTS)
    facts = image_facts(names["trainer"])
    assert (facts.os, facts.architecture) == ("linux", "amd64")
