"""Power this host off when it has been idle for some minutes: no Ray job, GPU idle, no session over SSH.

A timer starts it every minute, as root. Standard library only: it must work when nothing else does.
"""

import argparse
import http.client
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
GPU_PERCENT = 5
SECONDS = 10
GAP_SECONDS = 600  # without a check; the timer's interval is a minute
ALWAYS_THERE = ("IDLE", "DashboardAgent", "RuntimeEnvAgent")  # processes of every node, at work or not


def main() -> int:
    options = _options()
    reasons = list(busy(options.head, options.token_file))
    idle = idle_minutes(options.state, bool(reasons), time.time())
    if reasons:
        print(f"busy: {'; '.join(reasons)}")
        return 0
    print(f"idle for {idle:.0f} of {options.minutes} minutes")
    if idle < options.minutes:
        return 0
    if options.dry_run:
        print("would power off now")
        return 0
    # Flushed: systemd ends this program, too, before Python would write its buffer.
    print(f"powering off: idle for {idle:.0f} minutes", flush=True)
    options.state.unlink()  # else a host that is switched on again would go off at once
    return subprocess.run(["systemctl", "poweroff"], check=False).returncode


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, required=True, help="how long a host may be idle")
    parser.add_argument("--head", required=True, help="address of the head")
    parser.add_argument("--token-file", type=Path, required=True, help="file of Ray's token")
    parser.add_argument("--state", type=Path, default=Path("/run/firelib-autostop"), help="keeps since when it is idle")
    parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
    return parser.parse_args()


def busy(head: str, token_file: Path) -> Iterator[str]:
    """Why this host must stay on."""
    yield from running_jobs(head, token_file)
    yield from ray_work(PROC)
    yield from busy_gpus()
    yield from logins(PROC)


def running_jobs(head: str, token_file: Path) -> Iterator[str]:
    """Jobs that wait or run, anywhere in the cluster; a head that does not answer has none."""
    try:
        token = token_file.read_text(encoding="utf-8").strip()
        request = urllib.request.Request(f"http://{head}:8265/api/jobs/", headers={"Authorization": f"Bearer {token}"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach the head
        with opener.open(request, timeout=SECONDS) as answer:
            jobs = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException):
        return
    for job in jobs:
        if job.get("status") in ("PENDING", "RUNNING"):
            yield f"Ray job {job.get('submission_id') or job.get('job_id')} is {job['status']}"


def ray_work(proc: Path) -> Iterator[str]:
    """Tasks and actors on this host, by the titles that Ray gives its workers."""
    for process in _processes(proc):
        if process.title.startswith("ray::") and not process.title.removeprefix("ray::").startswith(ALWAYS_THERE):
            yield f"Ray runs {process.title.removeprefix('ray::').split()[0]}"


def logins(proc: Path) -> Iterator[str]:
    """Sessions over SSH, with a terminal or without (Ansible, rsync, Ray's autoscaler).

    Tunnels do not count: `ssh -N` opens no session, and the session of firelib's own tunnels runs `cat`.
    """
    found = list(_processes(proc))
    tunnels = {process.parent for process in found if process.title == "cat"}
    for process in found:
        is_session = "@pts/" in process.title or ("@notty" in process.title and process.pid not in tunnels)
        if process.title.startswith("sshd") and is_session:
            yield f"{process.title.partition(': ')[2]} is logged in"


class Process(NamedTuple):
    """A process of this host: its id, that of its parent, its command line or title."""

    pid: str
    parent: str
    title: str


def _processes(proc: Path) -> Iterator[Process]:
    for folder in proc.glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            # pid (name) state parent …; the name may contain anything
            parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
        except OSError:  # it has just ended
            continue
        yield Process(folder.name, parent, title)


def busy_gpus() -> Iterator[str]:
    """GPUs that compute."""
    query = ["nvidia-smi", "--query-gpu=index,utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, check=True, timeout=SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in said.splitlines():
        index, _, percent = line.partition(", ")
        if percent.strip().isdigit() and int(percent) >= GPU_PERCENT:
            yield f"GPU {index} is at {percent.strip()} %"


def idle_minutes(state: Path, is_busy: bool, now: float) -> float:
    """For how long this host has been idle; remembered in a file.

    After a gap, the time begins anew: the host was suspended, or its clock was set.
    """
    try:
        since, last = float(state.read_text()), state.stat().st_mtime
    except (OSError, ValueError):
        since = last = now
    since = now if is_busy or abs(now - last) > GAP_SECONDS else min(since, now)
    state.write_text(str(since))
    return (now - since) / 60


if __name__ == "__main__":
    sys.exit(main())
