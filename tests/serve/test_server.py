"""The server as a process: its first line, its answers, and its end."""

import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from firelib.serve.server import bind
from tests.errors import refused
from tests.launch.drill import PARAMS
from tests.patience import patience
from tests.project import ROOT

RECIPE = """
from firelib.recipe import Feature, Source

name = "scored"
sources = {"rows": Source("rows.csv")}
features = (Feature("x", "float32"),)
label = Feature("y", "float32")
key = ("id",)


def transform(tables):
    return tables["rows"]


def build_model(features, params):
    raise NotImplementedError
"""
# As in the image: imports of these packages fail. What else a serving process must not need is named when it ends.
PROGRAM = """
import atexit, sys
sys.modules.update(dict.fromkeys(["ray", "dask", "deltalake", "wandb"]))
atexit.register(lambda: print("foreign:", *sorted({"sklearn", "matplotlib"} & set(sys.modules)), flush=True))
from firelib.cli import main
main()
"""


@pytest.fixture
def project(tmp_path):
    import keras

    from firelib.train.export import export

    (tmp_path / "recipe.py").write_text(RECIPE)
    (tmp_path / "params.yaml").write_text(PARAMS)
    x = keras.Input((), name="x")
    model = keras.Model({"x": x}, x[:, None] * 2)
    model.compile("sgd", "mse")
    export(model, str(tmp_path / "models/scored"))
    return tmp_path


@pytest.mark.integration
def test_process_says_when_it_is_ready_answers_and_drains(project):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "serve", "--port", "0"],
        cwd=project,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(patience(180), process.kill)
    watchdog.start()
    try:
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().removeprefix("ready: ").strip()
        assert url.startswith("http://127.0.0.1:"), process.stderr.read()
        with httpx.Client(base_url=url, timeout=patience(30)) as client:
            assert client.post("/predict", json={"x": 1.5}).json() == {"predictions": [3.0]}
            assert client.post("/predict", json={"x": None}).status_code == 422
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
    assert process.returncode == 75, errors
    assert "Traceback" not in errors
    assert rest.split() == ["foreign:"]


def test_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with refused(what=["127.0.0.1", port], remedy="--port 0"):
            bind("127.0.0.1", port)
