"""Checks of optional tools: experiment tracking, container engine, GPU."""

import shutil
import subprocess
from collections.abc import Mapping

from firelib.doctor.finding import Finding

_TIMEOUT_SECONDS = 10.0


def check_wandb(environ: Mapping[str, str]) -> Finding:
    """Report where W&B sends the metrics of a training run."""
    if environ.get("FIRELIB_TRACKING") == "none":
        return Finding("W&B", "ok", "off (FIRELIB_TRACKING=none)")
    if environ.get("WANDB_MODE"):
        return Finding("W&B", "ok", f"WANDB_MODE={environ['WANDB_MODE']}")
    if environ.get("WANDB_API_KEY"):
        return Finding("W&B", "ok", "online: WANDB_API_KEY is set (not shown)")
    return Finding("W&B", "ok", "offline: WANDB_API_KEY is not set (upload the runs later with wandb sync)")


def check_container_engine() -> Finding:
    """Check whether Docker or Podman is installed and its daemon responds."""
    name, engines = "container engine", [engine for engine in ("docker", "podman") if shutil.which(engine)]
    if not engines:
        return Finding(name, "ok", "none (only images and `--to docker` need one)")
    answers = {engine: _run(engine, "version", "--format", "{{.Server.Version}}") for engine in engines}
    for engine, (succeeded, output) in answers.items():
        if succeeded:
            return Finding(name, "ok", f"{engine} {output}")
    detail = "; ".join(f"{engine}: {output}" for engine, (_, output) in answers.items())
    remedy = "start its daemon (systemctl start docker), or set DOCKER_HOST to a running one"
    return Finding(name, "warning", detail, remedy)


def check_gpu() -> Finding:
    """List the NVIDIA GPUs and their driver."""
    if not shutil.which("nvidia-smi"):
        return Finding("GPU", "ok", "none")
    succeeded, output = _run("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    if succeeded:
        return Finding("GPU", "ok", output.replace("\n", "; "))
    return Finding("GPU", "warning", output, "load or reinstall NVIDIA's driver until nvidia-smi lists the GPU")


def _run(*command: str) -> tuple[bool, str]:
    """Run a command under a timeout; return whether it succeeded, and its output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)  # noqa: S603  fixed commands
    except subprocess.TimeoutExpired:
        return False, f"no response within {_TIMEOUT_SECONDS:g} s"
    except OSError as error:
        return False, str(error)
    output = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip()
    return done.returncode == 0 and bool(output), output or f"exit code {done.returncode}"
