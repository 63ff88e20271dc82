"""What is passed to Ray Train. Whole runs are in test_train_stage.py."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from firelib.train.driver import tensorflow_cluster
from firelib.train.driver.prestart import add_import_hook
from firelib.train.driver.tensorflow_cluster import TensorflowCluster
from tests.project import ROOT


class Group:
    """Two workers in this process."""

    def __init__(self, addresses: list[tuple[str, int]]) -> None:
        self.addresses = addresses
        self.configs: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self.addresses)

    def execute(self, function: Any) -> list[tuple[str, int]]:
        return self.addresses

    def execute_single(self, rank: int, function: Any, *arguments: Any) -> None:
        function(*arguments)
        self.configs.append(json.loads(os.environ["TF_CONFIG"]))


@pytest.mark.parametrize(
    ("host", "address"), [("10.0.0.1", "10.0.0.1:4000"), ("fd00::1", "[fd00::1]:4000")], ids=["IPv4", "IPv6"]
)
def test_tf_config_has_all_addresses_and_the_rank(monkeypatch: pytest.MonkeyPatch, host: str, address: str) -> None:
    monkeypatch.setenv("TF_CONFIG", "")
    group = Group([(host, 4000), ("10.0.0.2", 4001)])
    TensorflowCluster().backend_cls().on_start(group, TensorflowCluster())
    assert [config["task"] for config in group.configs] == [{"type": "worker", "index": rank} for rank in (0, 1)]
    assert all(config["cluster"] == {"worker": [address, "10.0.0.2:4001"]} for config in group.configs)


def test_import_hook_names_a_function() -> None:
    hook = set(add_import_hook({"A": "1"}).items()) - {("A", "1")}
    ((_, target),) = hook
    module, _, function = target.rpartition(".")
    assert callable(getattr(__import__(module, fromlist=[function]), function))


def test_driver_and_controller_do_not_import_tensorflow() -> None:
    """Their imports delay the first step by seconds, and only workers compute."""
    code = (
        "import sys, firelib.train.driver.train_stage, firelib.train.driver.ray_trainer, firelib.train.worker.entry;"
        f"import {tensorflow_cluster.__name__};"
        "print(*{'tensorflow', 'keras', 'sklearn', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
