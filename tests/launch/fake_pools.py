"""The stand-in of Vertex AI whose machines are containers here: each replica of a job's pools is really started.

They get what the service gives: the variables of `vertex_variables`, the pool's own, its command in place of the
image's entry point, and the bucket, which is a server on this machine. What is sent decides, nothing else.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from firelib.launch.backends.docker.command import docker, read_container_log
from firelib.launch.backends.docker.containers import remove_job, start_container
from firelib.launch.backends.vertex.environment import vertex_variables
from tests.launch.fake_jobs import FakeJobs, serving


@dataclass
class FakePools(FakeJobs):
    """Jobs in containers.

    Attributes:
        network: Of Docker, which the replicas join.
        bucket: Variables by which containers reach the bucket.
    """

    network: str = ""
    bucket: Mapping[str, str] = field(default_factory=dict)

    def _create(self, parent: str, region: str, body: bytes) -> Mapping[str, Any]:
        job = super()._create(parent, region, body)
        spec, number = job["jobSpec"], _number(job["name"])
        pools = [pool for pool in spec["workerPoolSpecs"] for _ in range(int(pool["replicaCount"]))]
        hosts = [f"vertex-{number}-{index}" for index in range(len(pools))]
        output = spec["baseOutputDirectory"]["outputUriPrefix"]
        for index, pool in enumerate(pools):
            place = vertex_variables(number, hosts, index, output)
            start_container(self._container(hosts[index], number, pool["containerSpec"], place), self.network, {})
        return job

    def _container(self, name: str, number: str, asked: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
        entry, *words = [*asked["command"], *asked["args"]]
        given = {variable["name"]: variable["value"] for variable in asked["env"]}
        return {
            "name": name,
            "image": asked["imageUri"],
            "command": words,
            "env": {**place, **given, **self.bucket},
            "mounts": {},
            "labels": {"firelib.job": f"vertex-{number}"},
            "limits": {"entrypoint": entry, "shm-size": "1g", "restart": "on-failure:1"},
        }

    def _look(self, name: str) -> Mapping[str, Any]:
        """As replica 0 stands."""
        job, number = self.jobs[name], _number(name)
        if job["state"] not in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
            [container] = json.loads(docker("inspect", f"vertex-{number}-0"))
            state = container["State"]
            self.lines[number] = "".join(read_container_log(f"vertex-{number}-0", follow=False)).splitlines()
            job["state"] = "JOB_STATE_RUNNING"
            if state["Status"] == "exited":
                code = state["ExitCode"]
                job["state"] = "JOB_STATE_FAILED" if code else "JOB_STATE_SUCCEEDED"
                if code:
                    said = f"The replica workerpool0-0 exited with a non-zero status of {code}."
                    job["error"] = {"code": 3, "message": said}
                remove_job(f"vertex-{number}")
        return job

    def _cancel(self, name: str) -> Mapping[str, Any]:
        remove_job(f"vertex-{_number(name)}")
        return super()._cancel(name)


def _number(name: str) -> str:
    return name.rpartition("/")[2]


@contextmanager
def fake_pools(network: str, bucket: Mapping[str, str]) -> Iterator[FakePools]:
    """The service, on a port of its own."""
    with serving(FakePools(network=network, bucket=bucket, page=1000)) as service:
        try:
            yield service
        finally:
            for name in service.jobs:
                remove_job(f"vertex-{_number(name)}")
