"""The labels and the platform of an image against a job, in a registry on loopback."""

import pytest

from firelib import __version__
from firelib.launch.images.image_checks import find_image_problems
from tests.launch.fake_registry import push_image, registry
from tests.launch.jobs import job

GOOD = {
    "org.firelib.component": "trainer",
    "org.firelib.accelerator": "cpu",
    "org.opencontainers.image.version": __version__,
}


@pytest.fixture
def problems(tmp_path):
    """Return what is wrong with an image of these labels for a job."""
    with registry(tmp_path) as running:

        def find(labels, architecture="amd64", **fields):
            digest = push_image(tmp_path, architecture, labels)
            return list(find_image_problems(job(image=f"{running}/lab/firelib-trainer@{digest}", **fields)))

        yield find


def test_an_image_that_fits(problems):
    assert problems(GOOD) == []


def test_an_image_of_someone_else_is_not_judged(problems):
    assert problems(None, resources={"gpu": "l4"}) == []


def test_all_problems_are_named_at_once(problems):
    labels = {**GOOD, "org.firelib.component": "extract", "org.opencontainers.image.version": "0.0.1"}
    platform, version, component, cuda = problems(labels, "arm64", resources={"gpu": "l4"})
    assert "linux/arm64" in platform
    assert "0.0.1" in version
    assert __version__ in version
    assert "trainer" in component
    assert "extract" in component
    assert "COMPONENTS=trainer-gpu" in cuda


@pytest.mark.parametrize("resources", [{"gpu": "l4"}, {"machine": "g2-standard-8"}])
def test_gpus_need_cuda(problems, resources):
    [problem] = problems(GOOD, resources=resources)
    assert "CPU" in problem
    assert problems({**GOOD, "org.firelib.accelerator": "cuda"}, resources=resources) == []


def test_an_image_with_cuda_trains_on_cpus_too(problems):
    assert problems({**GOOD, "org.firelib.accelerator": "cuda"}) == []


def test_the_trainer_also_evaluates(problems):
    assert problems(GOOD, command=("firelib", "evaluate")) == []


def test_a_registry_that_does_not_answer_is_a_problem():
    [problem] = find_image_problems(job(image=f"127.0.0.1:9/lab/x@sha256:{'0' * 64}"))
    assert problem.startswith("image:")
    assert "127.0.0.1:9" in problem


def test_a_registry_that_only_the_nodes_can_read_is_a_note(capsys):
    image = f"127.0.0.1:9/lab/x@sha256:{'0' * 64}"
    assert list(find_image_problems(job(image=image), must_answer=False)) == []
    assert "127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize(("stage", "part"), [("extract", "--gpu"), ("evaluate", "COMPONENTS=trainer-gpu")])
def test_gpus_of_a_stage_that_has_no_use_for_them(problems, stage, part):
    labels = {**GOOD, "org.firelib.component": stage}
    [problem] = problems(labels, command=("firelib", stage), resources={"gpu": "l4"})
    assert part in problem
