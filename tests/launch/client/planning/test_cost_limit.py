"""`firelib submit --max-cost`: a job that may cost more is not sent."""

import pytest

from firelib.launch.backends.local.backend import LocalBackend
from firelib.launch.backends.vertex.backend import VertexBackend
from firelib.launch.client.planning.cost_limit import refuse_expensive_jobs
from firelib.launch.job_spec import Gpu, Replicas, Resources
from tests.errors import refused
from tests.launch.backends.vertex.test_requests import TARGET, vertex_job
from tests.launch.drill import firelib_here, write_project

HOUR = 3600 - 300  # the request adds 300 s


def spec(machine="g2-standard-8", seconds=HOUR, **fields):
    return vertex_job(resources=Resources(machine=machine), timeout_seconds=seconds, **fields)


def test_the_cost_is_that_of_the_time_limit_in_the_dearest_region():
    cost = VertexBackend().estimate_cost(spec(replicas=Replicas(3)))
    assert cost == pytest.approx(3 * 0.854 * 1.15 * 1.4, abs=0.01)


def test_the_dearest_placement_counts():
    target = {**TARGET, "machines": "n1-standard-8+t4:1,g2-standard-96"}
    assert VertexBackend().estimate_cost(spec(target=target)) == pytest.approx(8.003 * 1.15 * 1.4, abs=0.01)


def test_a_job_below_the_limit_is_allowed():
    refuse_expensive_jobs(VertexBackend(), [spec()], 1.40)


def test_a_job_above_the_limit_is_refused():
    with refused(what="at most $1.30, but $1.37 may be spent", where="train-1", remedy="--timeout"):
        refuse_expensive_jobs(VertexBackend(), [spec()], 1.30)


def test_the_stages_of_a_run_count_together():
    with refused(what="at most $2.00, but $2.75 may be spent"):
        refuse_expensive_jobs(VertexBackend(), [spec(), spec()], 2.0)


@pytest.mark.parametrize(
    "unknown",
    [
        spec(seconds=None),
        spec("x9-standard-8"),
        spec("a4-highgpu-8g", target={**TARGET, "region": "us-central1"}),
        spec(target={**TARGET, "machines": "x9-standard-8"}),
    ],
)
def test_an_unknown_cost_is_above_every_limit(unknown):
    with refused(what="the cost is not known", remedy="--timeout"):
        refuse_expensive_jobs(VertexBackend(), [unknown], 1e9)


def test_a_backend_that_bills_nothing_knows_no_cost():
    with refused(what="not known"):
        refuse_expensive_jobs(LocalBackend(), [vertex_job(resources=Resources(gpu=Gpu("l4")))], 1.0)


def test_the_command_sends_nothing(tmp_path):
    write_project(tmp_path)
    words = ["submit", "--to", "vertex", "--machine", "g2-standard-8", "--timeout", "36000", "--max-cost", "5"]
    image = f"europe-west4-docker.pkg.dev/lab/firelib/firelib-trainer@sha256:{'0' * 64}"
    more = ["--image", image, "--set", "project=my-lab", "--set", "region=europe-west4"]
    done = firelib_here(tmp_path, *words, *more, FIRELIB_STORAGE_ROOT="gs://bucket/x")
    assert done.returncode == 1
    assert "--max-cost: expected at most $5.00" in done.stderr
    assert not list((tmp_path / ".firelib").glob("jobs/*"))
