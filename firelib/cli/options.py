"""Options of the commands about jobs, as annotated types."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from firelib.cli.completion import complete_backend, complete_command, complete_job

_Provisioning = Literal["on-demand", "spot", "flex-start"]

JobId = Annotated[str, typer.Argument(help="The job's id, as firelib submit prints it.", autocompletion=complete_job)]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until the job is over.")]

Stage = Annotated[
    list[str] | None,
    typer.Argument(
        help="After --: the stage and its options; default: firelib train.", autocompletion=complete_command
    ),
]
JobFile = Annotated[
    Path | None, typer.Option("--file", "-f", help="YAML file that describes the job; options take precedence.")
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", help="local (default), docker, ray, vertex, kubeflow, slurm.", autocompletion=complete_backend
    ),
]
DoctorTo = Annotated[
    str | None, typer.Option("--to", help="vertex, kubernetes (KubeRay) or kubeflow (Trainer); default: this machine.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the request without sending it.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Print the job's id and return.")]
Image = Annotated[
    str | None,
    typer.Option(
        help="Container image by digest, a name with {component} in it, or a table of images; "
        "default: images/digests.json, which make push writes."
    ),
]
Restarts = Annotated[int | None, typer.Option(help="Number of restarts after a failure; default: 0.")]
Timeout = Annotated[int | None, typer.Option(help="Time limit of the job, in seconds.")]
QueueTimeout = Annotated[int | None, typer.Option(help="Time limit for the wait before the job starts, in seconds.")]
Env = Annotated[list[str] | None, typer.Option("--env", "-e", help="NAME=VALUE for the stage; no secrets.")]
Secret = Annotated[list[str] | None, typer.Option(help="NAME=env:NAME, file:PATH, gcp:… or k8s:….")]
Label = Annotated[list[str] | None, typer.Option(help="KEY=VALUE, for billing and for finding the job.")]
Setting = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE for the backend, such as address=….")]
MaxCost = Annotated[
    float | None, typer.Option(min=0, help="US dollars: refuse to send a job that may cost more by its --timeout.")
]
Register = Annotated[
    str | None, typer.Option(help="With --to vertex: put the model into Vertex Model Registry under this name.")
]
KillReplica = Annotated[
    str | None, typer.Option(help="Fault injection for --to docker: 1@60s kills replica 1 after a minute.")
]

Replicas = Annotated[int | None, typer.Option("-n", "--replicas", help="Number of machines or containers; default: 1.")]
MinReplicas = Annotated[
    int | None, typer.Option(help="Start with this many if the others do not start in time; default: wait for all.")
]
Machine = Annotated[str | None, typer.Option(help="Machine type, such as g2-standard-8.")]
Gpu = Annotated[str | None, typer.Option(help="GPUs of each replica: l4, or t4:2.")]
Cpus = Annotated[float | None, typer.Option(help="Cores of each replica.")]
MemoryGib = Annotated[float | None, typer.Option(help="Memory of each replica, in GiB.")]
Provisioning = Annotated[_Provisioning | None, typer.Option(help="How to rent machines; default: on-demand.")]
Buying = Annotated[_Provisioning | None, typer.Option(hidden=True, help="Deprecated: use --provisioning.")]
Region = Annotated[str | None, typer.Option(help="Region of Google Cloud.")]
PlanTo = Annotated[
    str,
    typer.Option("--to", help="local, docker, ray, vertex, kubeflow, slurm or all.", autocompletion=complete_backend),
]


def resolve_provisioning(provisioning: str | None, buying: str | None) -> str | None:
    """Return the value of `--provisioning`, or of its deprecated spelling `--buying` with a warning.

    Args:
        provisioning: Value of `--provisioning`.
        buying: Value of `--buying`.
    """
    if buying is not None:
        from firelib.console import note

        note(f"--buying is deprecated: use --provisioning {buying}")
    return provisioning or buying
