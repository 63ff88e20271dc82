"""Images built by an engine: each contains only its component, is small, and contains no secret of the builder."""

import json
import subprocess

import pytest

from firelib import __version__
from firelib.launch.images.image_choice import DIGESTS
from firelib.launch.oci_registry import read_image_config
from firelib.storage import sha256_file
from tests.launch.drill import PLANTED
from tests.project import ROOT

pytestmark = pytest.mark.containers

COMPONENTS = ("extract", "transform", "trainer", "evaluate", "serve")
#: Component → the most bytes of the uncompressed image, and of its compressed layers. docs/images.md has figures.
LIMITS = {
    "extract": (1.35e9, 0.47e9),
    "transform": (1.35e9, 0.47e9),
    "trainer": (3.2e9, 1.1e9),
    "evaluate": (3.0e9, 1.05e9),
    "serve": (3.0e9, 1.05e9),
}
#: Components with the same packages.
TWINS = (("extract", "transform"), ("evaluate", "serve"))


def about(images, component):
    [image] = json.loads(images.docker("inspect", f"firelib-{component}"))
    return image


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_contains_only_its_component(images, component):
    output = images.docker("run", "--rm", "--network", "none", f"firelib-{component}", "self-check")
    assert "Traceback" not in output
    find = ("find", f"firelib-{component}", "/", "-xdev", "(", "-name", ".git", "-o", "-path", "*/firelib/*/tests", ")")
    listed = images.docker("run", "--rm", "--network", "none", "--user", "root", "--entrypoint", *find)
    assert listed == ""


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_describes_itself(images, component):
    image = about(images, component)
    assert image["Config"]["User"] == "firelib"
    assert (image["Os"], image["Architecture"]) == ("linux", "amd64")
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"firelib-{component}"
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert labels["org.opencontainers.image.revision"].startswith(revision.strip())
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.firelib.component"] == component
    assert labels["firelib.lock_sha256"] == sha256_file(ROOT / "uv.lock")


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_stays_small(images, pushed, component):
    folder, _ = pushed
    manifest = json.loads((folder / f"lab_firelib-{component}:latest").read_text())
    size, packed = about(images, component)["Size"], sum(layer["size"] for layer in manifest["layers"])
    assert size < LIMITS[component][0], f"{size / 1e6:.0f} MB"
    assert packed < LIMITS[component][1], f"{packed / 1e6:.0f} MB compressed"


@pytest.mark.parametrize("twins", TWINS, ids="-".join)
def test_components_with_the_same_packages_share_all_layers(pushed, twins):
    folder, _ = pushed
    layers = [json.loads((folder / f"lab_firelib-{name}:latest").read_text())["layers"] for name in twins]
    assert layers[0] == layers[1]


@pytest.mark.parametrize("component", ["extract", "trainer"])
def test_no_secret_of_the_builder_is_in_an_image(images, component):
    """Search all layers, the history and the configuration; a phrase of a known file proves that layers are read."""
    name, phrase = f"firelib-{component}", "Entry point of the images"
    pattern = "|".join([*PLANTED.values(), phrase])
    found = subprocess.run(
        f"(docker save {name}; docker history --no-trunc {name}; docker inspect {name})"
        f" | grep --text --extended-regexp --only-matching '{pattern}' | sort --unique",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines() == [phrase]


def test_a_push_lists_what_the_registry_has(pushed):
    _, names = pushed
    assert set(names) == set(COMPONENTS)
    config = read_image_config(names["trainer"])
    assert config.runs_on_clouds
    assert config.labels["org.firelib.component"] == "trainer"
    assert config.labels["org.firelib.accelerator"] == "cpu"
    assert json.loads((ROOT / DIGESTS).read_text()) == names


def test_programs_find_the_driver_that_clouds_mount(images):
    """Vertex AI and GKE mount NVIDIA's driver at /usr/local/nvidia."""
    program = "import shutil, ctypes; print(shutil.which('nvidia-smi')); ctypes.CDLL('libcuda-of-a-test.so')"
    place = {"bin/nvidia-smi": "/bin/true", "lib64/libcuda-of-a-test.so": "/lib/x86_64-linux-gnu/libm.so.6"}
    links = " && ".join(f"ln -s {source} /usr/local/nvidia/{name}" for name, source in place.items())
    script = f'mkdir -p /usr/local/nvidia/bin /usr/local/nvidia/lib64 && {links} && python3 -c "{program}"'
    arguments = ("run", "--rm", "--network", "none", "--user", "root", "--entrypoint", "sh", "firelib-trainer")
    assert images.docker(*arguments, "-c", script).strip() == "/usr/local/nvidia/bin/nvidia-smi"
