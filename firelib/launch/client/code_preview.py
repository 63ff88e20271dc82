"""What a job would get of the project, shown before it is sent."""

from pathlib import Path

from firelib.console import note
from firelib.launch.client.job_sources import refuse_unsent_sources
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_selection import (
    ALLOW_FILE,
    find_largest,
    format_size,
    printable,
    refuse_secrets,
    select_code,
)

_LARGEST = 3
_SHOWN = 20


def preview_code(spec: JobSpec) -> None:
    """Print the number, size and largest of the files that a job gets, and what is left out.

    Raises:
        FirelibError: Files contain secrets or cannot be sent, or the job would lack local sources; the error names all
            of them.
    """
    selection = select_code(Path(spec.project), spec.stage)
    sizes = selection.sizes()
    largest = ", ".join(f"{printable(name)} ({format_size(sizes[name])})" for name in find_largest(sizes, _LARGEST))
    note(f"the job gets {len(sizes)} files of this project, {format_size(sum(sizes.values()))}: {largest}, …")
    _note_names(f"sent because {ALLOW_FILE} names them", selection.allowed)
    _note_names("not sent, their names suggest secrets", selection.secret)
    _note_names("not sent, links to folders, out of the project or to files that are not sent", selection.links)
    _note_names("not sent, not regular files", selection.special)
    refuse_secrets(selection)
    refuse_unsent_sources(spec, selection)


def _note_names(label: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        note(f"  {label}: {', '.join(map(printable, names[:_SHOWN]))}{more}")
