"""What `make images` and `make push` tell Docker. A program in its place records it; `make test-images` runs Docker."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT

# Answers like Docker 20.10 for the images in $BUILT (NAME:ARCHITECTURE …); $DENIED is a name that cannot be pushed.
DOCKER = r"""#!/bin/sh
printf '%s\n' "$*" >> "$RECORD"
for last; do :; done
case "$1 $2" in
    "image inspect")
        for each in $BUILT; do [ "${each%%:*}" = "$last" ] && { echo "${each##*:}"; exit 0; }; done
        echo "Error: No such image: $last" >&2
        exit 1 ;;
    push*) [ "$last" != "${DENIED:-}" ] || { echo "denied: unauthorized" >&2; exit 1; } ;;
    inspect*) printf 'elsewhere/%s@sha256:old\n%s@sha256:%s\n\n' "${last##*/}" "$last" "${last##*-}" ;;
    images*) echo "firelib-trainer:latest  1GB" ;;
esac
"""


@pytest.fixture
def run(tmp_path):
    """Run make in a copy of what the scripts read; return the result and the lines that Docker got."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    project = tmp_path / "project"
    shutil.copytree(ROOT / "images", project / "images", ignore=shutil.ignore_patterns("digests.json"))
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, project)
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message=x"]):
        subprocess.run([*git, *command], check=True)

    def make(*arguments: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        record = tmp_path / "record"
        record.unlink(missing_ok=True)
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "RECORD": str(record), "BUILT": "", **variables}
        command = ["make", "--no-print-directory", *arguments]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        return done, record.read_text().splitlines() if record.exists() else []

    make.project = project
    return make


def builds(lines: list[str]) -> dict[str, dict[str, str]]:
    """Tag → build arguments."""
    found = {}
    for words in (line.split() for line in lines if line.startswith("build ")):
        tag = words[words.index("--tag") + 1]
        pairs = [word.partition("=") for word in words if "=" in word and not word.startswith("--")]
        found[tag] = {name: value for name, _, value in pairs} | {"line": " ".join(words)}
    return found


def test_the_images_for_cpus_and_gpus_have_different_names_and_labels(run):
    done, lines = run("images", "COMPONENTS=trainer trainer-gpu extract", COMPONENTS="trainer trainer-gpu extract")
    assert done.returncode == 0, done.stderr
    found = builds(lines)
    assert list(found) == ["firelib-trainer", "firelib-trainer-gpu", "firelib-extract"]
    assert [each["COMPONENT"] for each in found.values()] == ["trainer", "trainer", "extract"]
    assert [each["ACCELERATOR"] for each in found.values()] == ["cpu", "cuda", "cpu"]
    assert found["firelib-trainer-gpu"]["NAME"] == "firelib-trainer-gpu"
    assert [each["TRAINER_EXTRAS"] for each in found.values()] == ["", "gpu", ""]
    assert [each["EXTRAS"] for each in found.values()] == ["", "", ""]  # Docker may build all stages: CUDA in one only


def test_the_earlier_spelling_of_gpu_images_still_works(run):
    done, lines = run("images", COMPONENTS="trainer", IMAGE_EXTRAS="gpu")
    assert done.returncode == 0, done.stderr
    assert list(builds(lines)) == ["firelib-trainer-gpu"]
    assert "COMPONENTS=trainer-gpu" in done.stderr


PUSHED = "firelib-extract:amd64 firelib-trainer:amd64 firelib-trainer-gpu:amd64"


def test_a_push_sends_what_is_built_and_writes_the_digests(run):
    done, lines = run("push", "REGISTRY=registry.invalid/lab/", BUILT=PUSHED)
    assert done.returncode == 0, done.stderr
    table = json.loads((run.project / "images/digests.json").read_text())
    assert table == {
        "extract": "registry.invalid/lab/firelib-extract@sha256:extract",
        "trainer": "registry.invalid/lab/firelib-trainer@sha256:trainer",
        "trainer-gpu": "registry.invalid/lab/firelib-trainer-gpu@sha256:gpu",
    }
    assert done.stdout.split() == list(table.values())
    assert sum(line.startswith("push ") for line in lines) == 3


def test_a_push_for_a_while_leaves_the_table_alone(run, tmp_path):
    path, record = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", str(tmp_path / "record")
    subprocess.run(
        [run.project / "images/push", "registry.invalid/lab", "firelib", tmp_path / "digests.json"],
        env={**os.environ, "PATH": path, "RECORD": record, "BUILT": PUSHED},
        check=True,
        capture_output=True,
    )
    assert json.loads((tmp_path / "digests.json").read_text())["trainer"].endswith("@sha256:trainer")
    assert not (run.project / "images/digests.json").exists()


def test_a_push_that_is_denied_names_the_remedy_and_keeps_the_table(run):
    table = run.project / "images/digests.json"
    table.write_text("{}")
    done, _ = run("push", "REGISTRY=registry.invalid/lab", BUILT=PUSHED, DENIED="registry.invalid/lab/firelib-trainer")
    assert done.returncode
    assert "gcloud auth configure-docker registry.invalid" in done.stderr
    assert table.read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "built", "parts"),
    [
        (("REGISTRY=registry.invalid/lab",), "", ("make images",)),
        (("REGISTRY=registry.invalid/lab",), "firelib-trainer:arm64", ("arm64", "linux/amd64")),
        ((), PUSHED, ("REGISTRY", "make push")),
    ],
)
def test_a_push_that_cannot_work_sends_nothing(run, arguments, built, parts):
    done, lines = run("push", *arguments, BUILT=built)
    assert done.returncode
    for part in parts:
        assert part in done.stderr
    assert not [line for line in lines if line.startswith(("push", "tag"))]
    assert not (run.project / "images/digests.json").exists()


def test_images_are_built_from_pinned_inputs():
    text = (ROOT / "images/Dockerfile").read_text()
    assert "ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:" in text
    assert '"uv==${UV_VERSION}"' in text


def test_the_table_stays_on_this_machine():
    ignored = subprocess.run(["git", "check-ignore", "images/digests.json"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.returncode == 0
    assert Path(ROOT / "images/push").stat().st_mode & 0o111
