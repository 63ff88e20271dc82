"""The commands `firelib cluster …`: start, use and look at the Ray cluster of a cluster file."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firelib.cli import options
from firelib.cli.completion import complete_command
from firelib.cli.help import App
from firelib.errors import FirelibError

if TYPE_CHECKING:
    from firelib.launch.job_spec import JobSpec
    from firelib.ray_setup.cluster_file import ClusterFile

cluster_app = App(help="Start and use a Ray cluster of your own, which cluster/cluster.yaml describes.")

ClusterPath = Annotated[Path, typer.Option("--cluster", "-c", help="The cluster file.")]
ClusterStage = Annotated[
    list[str] | None,
    typer.Argument(help="After --: the stage and its options; default: firelib run.", autocompletion=complete_command),
]
_CLUSTER_FILE = Path("cluster/cluster.yaml")
_DASHBOARD_PORT = 8265
_TOKEN = "~/.ray/auth_token"  # noqa: S105  a path


@cluster_app.command(rich_help_panel=None)
def up(
    cluster: ClusterPath = _CLUSTER_FILE,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start a running Ray anew; refused while jobs wait or run.")
    ] = False,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds for nodes to join, in each of three attempts.")] = 180,
    dry_run: options.DryRun = False,
) -> None:
    """Start Ray on all hosts, and wait until each is a node. Jobs that run already go on.

    Examples: `firelib cluster up` · `firelib cluster up --cluster cluster/other.yaml`
    """
    from firelib.cluster.ray_commands import up_command
    from firelib.cluster.start import start_cluster
    from firelib.console import note

    file = _read(cluster)
    if dry_run:
        typer.echo(shlex.join(up_command(cluster, restart=True)))
        if not restart:
            note("With --no-restart, if Ray runs already.")
        return
    nodes = start_cluster(cluster, file, restart, timeout)
    note(f"{len(nodes)} nodes are alive: {', '.join(nodes)}")


@cluster_app.command(rich_help_panel=None)
def run(
    stage: ClusterStage = None,
    cluster: ClusterPath = _CLUSTER_FILE,
    dry_run: options.DryRun = False,
    detach: options.Detach = False,
) -> None:
    """Run a stage, by default the whole pipeline, as a job of the cluster; follow it and fetch its results.

    Ctrl-C ends only this command: the job goes on, and `firelib logs ID --follow` shows it again.

    Examples: `firelib cluster run` · `firelib cluster run -- firelib train --fresh`
    """
    from firelib.cli.jobs.description import build_job
    from firelib.cli.launch import follow_detachable, show_request
    from firelib.launch.client.submit_and_wait import send

    command = stage or ["firelib", "run"]
    _, spec = build_job(None, {"to": "ray", "command": command, **_describe_cluster(cluster, _read(cluster))})
    _require_shared_storage(spec, cluster)
    if dry_run:
        show_request("ray", spec)
        return
    record = send("ray", spec)
    typer.echo(record.job_id)
    if not detach:
        follow_detachable(record)


def _require_shared_storage(spec: "JobSpec", path: Path) -> None:
    """Refuse a job whose results no other host could see."""
    if spec.target.get("shared_project") or (spec.storage_root and spec.stage != "run"):
        return
    raise FirelibError(
        f"firelib {spec.stage} needs a folder that all hosts share: provider.firelib.shared_folder is not set",
        where=str(path),
        remedy="mount a folder on every host, set the key, and run make cluster-setup. A single stage also runs with "
        "FIRELIB_STORAGE_ROOT=gs://…",
    )


def _describe_cluster(path: Path, file: "ClusterFile") -> dict[str, object]:
    """The fields of a job that the cluster file decides: the tunnel, and the project on the shared folder."""
    from firelib.cluster.tunnel import SCHEME, make_absolute

    target = {"address": make_absolute(f"{SCHEME}{path}")}
    shared = file.hosts.shared_folder
    if shared is None:
        return {"target": target}
    project = {name: os.environ[name] for name in ("PROJECT",) if os.environ.get(name)}
    root = os.environ.get("FIRELIB_STORAGE_ROOT") or f"{shared}/storage"
    return {"target": {**target, "shared_project": "true"}, "env": project, "storage_root": root}


@cluster_app.command(rich_help_panel=None)
def status(cluster: ClusterPath = _CLUSTER_FILE) -> None:
    """Show hosts, nodes, GPUs, jobs, cost and when idle hosts stop; the exit code is 1 if a host is no node.

    Examples: `firelib cluster status`
    """
    from firelib.cluster.status import read_status
    from firelib.cluster.status_tables import show_status

    file = _read(cluster)
    found = read_status(file)
    show_status(file.cluster_name, found)
    raise typer.Exit(not found.is_complete)


@cluster_app.command(rich_help_panel=None, context_settings={"ignore_unknown_options": True})
def ssh(
    host: Annotated[str, typer.Argument(help="head, 1 for the first worker, or an address.")] = "head",
    command: Annotated[list[str] | None, typer.Argument(help="A command instead of a shell.")] = None,
    cluster: ClusterPath = _CLUSTER_FILE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command.")] = False,
) -> None:
    """Open a shell on a host.

    Examples: `firelib cluster ssh` · `firelib cluster ssh 1` · `firelib cluster ssh head -- nvidia-smi`
    """
    from firelib.cluster.ssh import find_host, find_ssh, ssh_command

    file = _read(cluster)
    argv = [*ssh_command(file, find_host(file, host)), *(command or [])]
    if dry_run:
        typer.echo(shlex.join(argv))
        return
    os.execv(find_ssh(), argv)  # noqa: S606  the file is the user's own


@cluster_app.command(rich_help_panel=None)
def dashboard(
    cluster: ClusterPath = _CLUSTER_FILE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = _DASHBOARD_PORT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the address only.")] = False,
) -> None:
    """Forward Ray's dashboard to loopback of this machine until Ctrl-C; a lost connection is an error.

    Examples: `firelib cluster dashboard` · `firelib cluster dashboard --port 9000`
    """
    from firelib.cluster.tunnel import open_tunnel
    from firelib.console import note

    file = _read(cluster)
    if dry_run:
        typer.echo(f"http://127.0.0.1:{port} -> {file.provider.head_ip}:{_DASHBOARD_PORT}")
        return
    with open_tunnel(file, port) as tunnel:
        typer.echo(tunnel.url)
        note(f"The dashboard asks for the token in {_TOKEN}. Ctrl-C closes the tunnel.")
        tunnel.wait()


@cluster_app.command(rich_help_panel=None)
def down(cluster: ClusterPath = _CLUSTER_FILE, dry_run: options.DryRun = False) -> None:
    """Stop Ray on the head; `make cluster-down` then also stops it on the workers.

    Examples: `firelib cluster down`
    """
    from firelib.cluster.ray_commands import down_command, run_ray
    from firelib.cluster.setup_lock import hold_setup_lock
    from firelib.cluster.ssh import check_hosts

    file = _read(cluster)
    if dry_run:
        typer.echo(shlex.join(down_command(cluster)))
        return
    check_hosts(file, [file.provider.head_ip])
    with hold_setup_lock(cluster, file):
        code = run_ray(down_command(cluster), file)
    raise typer.Exit(code)


def _read(path: Path) -> "ClusterFile":
    from firelib.ray_setup.cluster_file import read_cluster_file

    return read_cluster_file(path)
