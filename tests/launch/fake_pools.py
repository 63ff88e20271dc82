"""A stand-in for Vertex AI that starts each replica of a job's worker pools as a container.

A container gets what the service would give it: the variables of `vertex_variables` and of the pool, the pool's
command instead of the image's entry point, and a bucket, which a server on this machine provides.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from firelib.launch.backends.docker.command import docker, read_container_log
from firelib.launch.backends.docker.containers import remove_job, start_container
from firelib.launch.vertex_variables import vertex_variables
from tests.launch.fake_jobs import FakeJobs, serving


@dataclass
class FakePools(FakeJobs):
    """Jobs in containers.

    Attributes:
        network: Docker network of the replicas.
        bucket: Variables that lead containers to the bucket.
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
            variables = vertex_variables(number, hosts, index, output)
            start_container(self._container(hosts[index], number, pool["containerSpec"], variables), self.network, {})
        return job

    def _container(self, name: str, number: str, asked: Mapping[str, Any], more: Mapping[str, str]) -> dict[str, Any]:
        entry, *arguments = [*asked["command"], *asked["args"]]
        given = {variable["name"]: variable["value"] for variable in asked["env"]}
        return {
            "name": name,
            "image": asked["imageUri"],
            "command": arguments,
            "env": {**more, **given, **self.bucket},
            "mounts": {},
            "labels": {"firelib.job": f"vertex-{number}"},
            "limits": {"entrypoint": entry, "shm-size": "1g", "restart": "on-failure:1"},
        }

    def _look(self, name: str) -> Mapping[str, Any]:
        """Return the job in the state of replica 0."""
        job, number = self.jobs[name], _number(name)
        if job["state"] not in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
            [container] = json.loads(docker("inspect", f"vertex-{number}-0"))
            state = container["State"]
            written = "".join(read_container_log(f"vertex-{number}-0", follow=False)).splitlines()
            for line in written[len(self.log.lines(number)) :]:
                self.log.write(number, line)
            job["state"] = "JOB_STATE_RUNNING"
            if state["Status"] == "exited":
                code = state["ExitCode"]
                job["state"] = "JOB_STATE_FAILED" if code else "JOB_STATE_SUCCEEDED"
                if code:
                    message = f"The replica workerpool0-0 exited with a non-zero status of {code}."
                    job["error"] = {"code": 3, "message": message}
                remove_job(f"vertex-{number}")
        return job

    def _cancel(self, name: str) -> Mapping[str, Any]:
        remove_job(f"vertex-{_number(name)}")
        return super()._cancel(name)


def _number(name: str) -> str:
    return name.rpartition("/")[2]


@contextmanager
def fake_pools(network: str, bucket: Mapping[str, str]) -> Iterator[FakePools]:
    """Run the service on a free port."""
    with serving(FakePools(network=network, bucket=bucket)) as service:
        try:
            yield service
        finally:
            for name in service.jobs:
                remove_job(f"vertex-{_number(name)}")
