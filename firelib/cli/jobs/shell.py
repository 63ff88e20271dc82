"""The command `firelib ssh`."""

import os
import shlex
import shutil
from typing import Annotated

import typer

from firelib.cli import options
from firelib.errors import FirelibError


def ssh(
    job_id: options.JobId,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command.")] = False,
) -> None:
    """Open a shell where a job runs; where firelib cannot open one, print the command that does.

    Examples: `firelib ssh ID`
    """
    from firelib.cli.launch import find_job
    from firelib.console import note

    backend, record = find_job(job_id)
    shell = backend.shell(record)
    if dry_run or not shell.is_direct:
        if not shell.is_direct:
            note(f"firelib cannot open a shell on {record.backend}; this command does:")
        typer.echo(shlex.join(shell.argv))
        return
    program = shutil.which(shell.argv[0])
    if program is None:
        remedy = f"install it, or run elsewhere what firelib ssh {job_id} --dry-run prints"
        raise FirelibError(f"{shell.argv[0]} is not installed", where="PATH", remedy=remedy)
    os.execv(program, shell.argv)  # noqa: S606  built from the job's record
