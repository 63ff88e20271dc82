"""The parts of a RayJob that a real Ray head can run: its entry point, as KubeRay submits it, and its probes."""

import json
import os
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from firelib.launch.backends.kubeflow.rayjob import build_ray_job
from firelib.launch.backends.kubeflow.resources import parse_job_status
from firelib.launch.transfer.code_transfer import send_code
from tests.launch.backends.kubeflow.test_requests import OLD_RAY, cluster_job, objects
from tests.launch.drill import write_project
from tests.patience import patience

pytestmark = pytest.mark.integration


def submit(head, spec):
    """Run the shell command of KubeRay's submitter to its end; return what it printed.

    In a cluster, the stage inherits the variables of the head's container. Here they travel with the job.
    """
    ray_job = build_ray_job(spec)["spec"]
    [container] = ray_job["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    given = f"--address {head.address}"
    script = (
        f"if ! ray job status {given} {spec.job_id} >/dev/null 2>&1 ; then ray job submit {given} --no-wait "
        f"--runtime-env-json {shlex.quote(json.dumps({'env_vars': variables}))} --submission-id {spec.job_id} "
        f"-- {ray_job['entrypoint']} ; fi ; ray job logs {given} --follow {spec.job_id}"
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(head.token_file)}
    done = subprocess.run(
        ["/bin/bash", "-ce", "--", script], env=env, capture_output=True, text=True, timeout=patience(120), check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def job_info(head, job_id):
    token = {"Authorization": f"Bearer {head.token_file.read_text()}"}
    with urllib.request.urlopen(urllib.request.Request(f"{head.address}/api/jobs/{job_id}", headers=token)) as answer:
        return json.load(answer)


def as_ray_job(info):
    """Return a RayJob as KubeRay fills it from what Ray says about its job."""
    deployment = {"SUCCEEDED": "Complete", "FAILED": "Failed"}[info["status"]]
    status = {"jobStatus": info["status"], "jobDeploymentStatus": deployment, "message": info["message"]}
    return {"kind": "RayJob", "status": status}


@pytest.mark.parametrize(("drill", "code"), [("talk", 0), ("exit", 7)])
def test_the_submitter_shows_the_log_and_ray_keeps_the_exit_code(head, tmp_path, drill, code):
    spec = cluster_job(
        job_id=f"extract-{drill}",
        command=("firelib", "extract"),
        project=str(write_project(tmp_path)),
        env={"DRILL": drill},
        storage_root=str(head.shared / "ray-jobs"),  # other tests expect an empty lake
    )
    send_code(spec)
    log = submit(head, spec)
    assert parse_job_status(as_ray_job(job_info(head, spec.job_id))).exit_code == code
    if code == 0:
        assert "line 39 ä" in log
        assert list((head.shared / "ray-jobs" / "jobs" / spec.job_id).glob("outputs*"))


def test_the_probes_need_no_token(head):
    [ray_job] = objects(**OLD_RAY)
    [container] = ray_job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    for probe in ("readinessProbe", "livenessProbe"):
        url = f"{head.agent}{container[probe]['httpGet']['path']}"
        with urllib.request.urlopen(url, timeout=patience(30)) as answer:
            assert answer.status == 200
