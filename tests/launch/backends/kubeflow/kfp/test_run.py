"""Runs of the pipeline: what would be sent, and a run on a stand-in of Kubeflow Pipelines' API on loopback."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
import yaml

from firelib import storage
from firelib.launch.backends.kubeflow.kfp.pipeline import PipelineSpec
from firelib.launch.backends.kubeflow.kfp.run import build_run, start_run
from tests import buckets
from tests.errors import refused
from tests.http_server import http_server
from tests.launch.backends.kubeflow.kfp.test_pipeline import IMAGES
from tests.launch.drill import firelib_here, write_project

SPEC = PipelineSpec(IMAGES, target={"service_account": "trainer", "namespace": "lab"})


@contextmanager
def serving(runs, token):
    """Kubeflow Pipelines, as far as starting a run goes; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0].removeprefix("/apis/v2beta1/")
            code, found = 200, {}
            if self.headers.get("Authorization") != f"Bearer {token}":
                code, found = 401, {"error": "unauthorized"}
            elif (self.command, path) == ("POST", "experiments"):
                found = {**json.loads(body), "experiment_id": "e1"}
            elif (self.command, path) == ("POST", "runs"):
                runs.append(json.loads(body))
                found = {"run_id": "r1", "experiment_id": "e1"}
            data = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = reply  # noqa: N815  the server's names

    with http_server(Handler) as address:
        yield f"http://{address}"


def test_an_unchanged_project_keeps_the_uri_of_its_code(tmp_path):
    project = write_project(tmp_path)
    first, second = (build_run(SPEC, project, "gs://bucket/lab") for _ in range(2))
    assert first.arguments == second.arguments
    assert first.arguments["project"].startswith("gs://bucket/lab/pipelines/code/")
    (project / "params.yaml").write_text((project / "params.yaml").read_text() + "\n")
    assert build_run(SPEC, project, "gs://bucket/lab").arguments != first.arguments


def test_a_folder_is_no_storage_root_of_a_pipeline(tmp_path):
    with refused(what="'storage'", remedy="FIRELIB_STORAGE_ROOT"):
        build_run(SPEC, write_project(tmp_path), "storage")


def test_dry_run_sends_nothing(tmp_path):
    write_project(tmp_path)
    images = [f"--{name}-image={image}" for name, image in IMAGES.items()]
    words = ["pipeline", "run", "--dry-run", "--host", "http://127.0.0.1:9", "--no-cache", *images]
    done = firelib_here(tmp_path, *words, FIRELIB_STORAGE_ROOT="gs://bucket/x")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["arguments"]["root"] == "gs://bucket/x"
    assert shown["caching"] is False
    assert "exec-train" in shown["pipeline"]


def test_a_service_that_does_not_answer(tmp_path):
    request = build_run(SPEC, write_project(tmp_path), "gs://bucket/lab")
    with refused(where="http://127.0.0.1:9", remedy="kubectl port-forward"):
        start_run(request, "http://127.0.0.1:9", None)


@pytest.mark.integration
def test_a_run_starts_with_the_code_in_the_bucket(tmp_path):
    runs = []
    with buckets.s3() as bucket, serving(runs, "token") as host:
        request = build_run(SPEC, write_project(tmp_path), f"{bucket}/lab")
        with refused(what="401", remedy="KFP_TOKEN"):
            start_run(request, host, "lab", "old")
        assert not storage.exists(request.arguments["project"])
        for _ in range(2):  # the second run finds its code
            assert start_run(request, host, "lab", "token") == "r1"
        assert storage.read_bytes(request.arguments["project"]) == request.code
    run = runs[0]
    assert run["service_account"] == "trainer"
    assert run["runtime_config"]["parameters"] == dict(request.arguments)
    assert run["pipeline_spec"]["pipeline_spec"] == next(yaml.safe_load_all(request.pipeline))
