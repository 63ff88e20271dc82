"""Plans of a job on each backend, made without network."""

import pytest

from examples.ssh_backend import SshBackend
from firelib.launch.client.planning import plan
from firelib.launch.client.planning.plan import make_plans
from firelib.launch.job_spec import Gpu, Replicas, Resources
from firelib.launch.plan import PlanRequest
from tests.errors import refused
from tests.launch.drill import firelib_here

CLUSTER = """
cluster_name: lab
provider:
  type: local
  head_ip: 10.10.0.11
  worker_ips: [10.10.0.12, 10.10.0.13]
  firelib: {gcp: {project: p, region: %s, zone: %s-a, machine_type: %s, gpus: {type: %s, count: 1}, spot: true}}
auth: {ssh_user: me, ssh_private_key: ~/.ssh/id}
"""
REQUEST = PlanRequest(Resources(machine="g2-standard-8"), Replicas(2, "spot"), "europe-west4")


@pytest.fixture
def cluster(tmp_path):
    def write(region="europe-west4", machine="n1-standard-8", gpu="nvidia-tesla-t4"):
        (tmp_path / "cluster").mkdir(exist_ok=True)
        (tmp_path / "cluster/cluster.yaml").write_text(CLUSTER % (region, region, machine, gpu))
        return tmp_path

    return write


def test_ray_reads_the_cluster_file(cluster):
    [planned] = make_plans("ray", PlanRequest(), cluster(), {})
    assert planned.machines == "3 × n1-standard-8 with 1 t4"
    assert planned.preemptible
    assert planned.price.hourly == pytest.approx(3 * (0.38 + 0.35) * 0.4, abs=1e-3)
    assert planned.quotas == {"PREEMPTIBLE_CPUS": 24, "PREEMPTIBLE_NVIDIA_T4_GPUS": 3, "GPUS_ALL_REGIONS": 3}
    assert any("FIRELIB_RAY_ADDRESS" in what for what in planned.missing)


def test_own_hosts_have_no_price(tmp_path, cluster):
    text = (cluster() / "cluster/cluster.yaml").read_text()
    (tmp_path / "cluster/cluster.yaml").write_text("\n".join(line for line in text.splitlines() if "gcp" not in line))
    [planned] = make_plans("ray", PlanRequest(), tmp_path, {})
    assert planned.machines == "3 hosts of cluster/cluster.yaml"
    assert planned.price is None


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"gpu": "nvidia-tesla-t5"}, ("'nvidia-tesla-t5'",)),
        ({"machine": "n1-standard-96"}, ("1 t4", "48 vCPUs")),
        ({"region": "europe-north1"}, ("'europe-north1'", "t4")),
    ],
)
def test_unavailable_clusters_are_refused(cluster, change, parts):
    with refused(what=[parts], where="cluster/cluster.yaml"):
        make_plans("ray", PlanRequest(), cluster(**change), {})


def test_unavailable_machines_are_refused_with_all_reasons(tmp_path):
    request = PlanRequest(Resources(machine="e2-standard-4", gpu=Gpu("l4", 3)), Replicas(), "europe-north1")
    with refused(what=[("e2-standard-4", "l4"), ("'europe-north1'", "l4")], where="the command line"):
        make_plans("vertex", request, tmp_path, {})


def test_all_backends_are_planned(tmp_path):
    found = {each.backend: each for each in make_plans("all", REQUEST, tmp_path, {})}
    assert list(found) == ["local", "docker", "ray", "vertex", "kubeflow", "slurm"]
    assert found["vertex"].price.hourly > found["kubeflow"].price.hourly
    prefix = "aiplatform.googleapis.com/custom_model_training_"
    assert found["vertex"].quotas == {f"{prefix}preemptible_nvidia_l4_gpus": 2, f"{prefix}pd_ssd": 200}
    assert found["local"].price is None


def test_the_plan_names_what_custom_training_refuses(tmp_path):
    request = PlanRequest(Resources(machine="n1-standard-32", gpu=Gpu("t4", 1)))
    [planned] = make_plans("vertex", request, tmp_path, {})
    assert any("counts of 2, 4" in text for text in planned.notes)
    [planned] = make_plans("kubeflow", request, tmp_path, {})
    assert planned.notes == ()


def test_plugins_are_planned_too(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "load_plugins", lambda: [SshBackend()])
    [*_, last] = make_plans("all", REQUEST, tmp_path, {})
    assert (last.backend, last.machines, last.price) == ("ssh", "2 replicas", None)


def test_a_plugin_that_cannot_plan_does_not_hide_the_others(tmp_path, monkeypatch, capsys):
    class Broken(SshBackend):
        def plan(self, request, project, environ):
            raise RuntimeError("no such lab")

    monkeypatch.setattr(plan, "load_plugins", lambda: [Broken(), SshBackend()])
    assert [each.backend for each in make_plans("all", REQUEST, tmp_path, {})][-2:] == ["slurm", "ssh"]
    assert "no such lab" in capsys.readouterr().err


def test_the_command_shows_prices_with_their_date(tmp_path):
    done = firelib_here(tmp_path, "plan", "--machine", "g2-standard-8", "-n", "2")
    assert done.returncode == 0, done.stderr
    assert "about $1.71 an hour" in done.stdout
    assert "estimate" in done.stdout
    assert "2025-06-30" in done.stdout


def test_the_price_of_an_unknown_machine_type_is_unknown(tmp_path):
    done = firelib_here(tmp_path, "plan", "--to", "vertex", "--machine", "x9-standard-8")
    assert done.returncode == 0, done.stderr
    assert "unknown" in done.stdout
    assert "note: machine type 'x9-standard-8' is not in the catalog" in " ".join(done.stdout.split())


def test_wrong_options_are_reported_at_once(tmp_path):
    done = firelib_here(tmp_path, "plan", "--gpu", "l4:many", "-n", "0")
    assert done.returncode == 1
    for part in ("resources.gpu", "'l4:many'", "replicas.count", "got 0"):
        assert part in done.stderr


def test_unknown_backend(tmp_path):
    done = firelib_here(tmp_path, "plan", "--to", "vertx")
    assert done.returncode == 1
    assert "'vertx'" in done.stderr
    assert "'vertex'" in done.stderr
