"""Backend `ssh`: the stage in a Docker container on a second machine (`firelib submit --to ssh --set host=me@box`)."""

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from firelib import storage
from firelib.errors import FirelibError
from firelib.job_context import CODE
from firelib.launch.backend import Backend, JobStatus, LostConnectionError
from firelib.launch.job_environment import SECRETS, read_secrets, stage_variables
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec
from firelib.launch.target import Target, setting
from firelib.launch.transfer.code_transfer import code_uri, send_code

_HOST, _FOLDER = r"^[A-Za-z0-9_][A-Za-z0-9._@-]*$", r"^/[A-Za-z0-9._/-]+$"
_SSH, _CONNECTION_FAILED = ("ssh", "-o", "BatchMode=yes"), 255  # other exit codes are those of the remote command


class SshTarget(Target):
    """Settings of `--to ssh`."""

    host: str = setting("machine", example="USER@HOST", default="", pattern=_HOST, required=True)
    folder: str = setting("folder for secrets there", example="/FOLDER", default="/opt/firelib-jobs", pattern=_FOLDER)


class SshBackend(Backend):
    """A container on another machine. Code and outputs travel through the storage root, which both machines see."""

    name = "ssh"
    target_type = SshTarget
    secret_schemes = ("env", "file")
    returns_outputs = True

    def find_problems(self, spec: JobSpec) -> Iterator[str]:
        """Yield what one container on an existing machine cannot provide."""
        if spec.image is None:
            yield "image is missing: --image REGISTRY/NAME@sha256:…"
        if spec.storage_root is None:
            yield "storage_root is missing: FIRELIB_STORAGE_ROOT=gs://… or a folder that both machines mount"
        if spec.replicas.count != 1:
            yield f"replicas.count: expected 1, got {spec.replicas.count}"
        if spec.resources.machine is not None:
            yield f"resources.machine: the machine already exists, got {spec.resources.machine!r}"

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return the machine, the folder of the job there, and the command to run."""
        target = SshTarget.parse(spec.target)
        folder = f"{target.folder}/{spec.job_id}"
        command = f'docker run --user "$(id -u):$(id -g)" {shlex.join(_run_arguments(spec, folder))}'
        return {"host": target.host, "folder": folder, "command": command}

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Upload the code, write each secret to a private file on the machine, and start the container."""
        request, secrets = self.request(spec), read_secrets(spec.secrets)
        host, folder = request["host"], request["folder"]
        send_code(spec)
        try:
            _ssh(host, f"umask 077 && mkdir -p {folder}/secrets")
            for name, value in secrets.items():
                _ssh(host, f"umask 077 && cat > {folder}/secrets/{name}", stdin=value)
            _ssh(host, request["command"])
        except BaseException:  # Ctrl-C too: no secret stays on the machine
            _ssh(host, f"docker rm --force {spec.job_id}; rm -rf {folder}")
            raise
        return {"host": host, "folder": folder}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the state of the container."""
        inspect = f"docker inspect --format '{{{{json .State}}}}' {record.job_id} && ls {record.handle['folder']}"
        text, *files = _ssh(record.handle["host"], inspect).splitlines()
        state = json.loads(text)
        if state["Status"] != "exited":
            return JobStatus("queued" if state["Status"] == "created" else "running")
        code = int(state["ExitCode"])
        return JobStatus("succeeded" if not code else "cancelled" if "cancelled" in files else "failed", code)

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        """Yield the container's output."""
        command = [*_SSH, record.handle["host"], f"docker logs {'--follow ' if follow else ''}{record.job_id} 2>&1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as ssh:  # noqa: S603  the host matches _HOST
            try:
                yield from (line.decode(errors="replace") for line in ssh.stdout or ())
                ssh.wait()
            finally:
                ssh.terminate()
        if ssh.returncode == _CONNECTION_FAILED:
            raise LostConnectionError("ssh lost the connection", where=record.handle["host"])

    def cancel(self, record: JobRecord) -> None:
        """Send SIGTERM to the container if it runs."""
        mark = f"touch {record.handle['folder']}/cancelled"
        _ssh(record.handle["host"], f"docker kill --signal TERM {record.job_id} && {mark} || true")

    def advance(self, record: JobRecord) -> JobRecord:
        """Delete the secrets of a finished job. Its container, and so its log, stays until `docker rm`."""
        if self.status(record).is_over:
            _ssh(record.handle["host"], f"rm -rf {record.handle['folder']}/secrets")
        return record


def _run_arguments(spec: JobSpec, folder: str) -> list[str]:
    secrets, root = json.dumps({name: f"file:/run/secrets/{name}" for name in spec.secrets}), str(spec.storage_root)
    variables = {**stage_variables(spec), CODE: code_uri(spec), SECRETS: secrets}
    options = ["--detach", f"--name={spec.job_id}", "--workdir=/tmp", f"--volume={folder}/secrets:/run/secrets:ro"]
    options += [f"--volume={root}:{root}"] if storage.is_local(root) else []
    options += [f"--gpus={spec.resources.gpu.count}"] if spec.resources.gpu else []
    options += [f"--env={name}={value}" for name, value in variables.items()]
    return [*options, spec.image or "", *spec.command]


def _ssh(host: str, command: str, stdin: str = "") -> str:
    done = subprocess.run([*_SSH, host, command], input=stdin, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        error = LostConnectionError if done.returncode == _CONNECTION_FAILED else FirelibError
        raise error(done.stderr.strip(), where=host, remedy=f"test the machine: ssh {host} docker info")
    return done.stdout
