"""Metrics by version of the data and by experiment, and the pictures of the evaluation."""

import base64
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from firelib.compare.data_versions.metrics_by_version import open_states, read_metrics
from firelib.compare.facts import Facts as StateFacts
from firelib.compare.facts import read_facts
from firelib.errors import FirelibError
from firelib.report.content import Block, Missing, Picture, Table
from firelib.report.figures import show_figure
from firelib.report.project import ReportedProject

_MOST_PICTURE_BYTES = 1_200_000  # of all pictures, so that the report stays below 2 MB
_VIEWS = {
    "roc": "true positive rate over false positive rate on the test split",
    "precision_recall": "precision over recall on the test split",
    "calibration": "share of positive rows over predicted probability on the test split",
    "training": "training and validation loss over steps",
    "confusion": "predicted over true classes on the test split",
    "mistakes": "test rows with the most confident wrong predictions",
}


def by_version(project: ReportedProject) -> Iterator[Block]:
    """The metrics of the models that were trained on each version of a table."""
    found = read_metrics(project.lake, project.paths, project.states) if project.lake else {}
    for name, entries in found.items():
        metrics = sorted({metric for entry in entries for metric in entry.metrics})
        rows = [
            [
                str(entry.version),
                ", ".join(entry.states),
                *(show_figure(entry.metrics.get(metric)) for metric in metrics),
            ]
            for entry in entries
        ]
        columns = ["version", "of", *(metric.replace("_", " ") for metric in metrics)]
        yield Table(f"Metrics by version of {name}", columns, rows)
    if not found:
        yield Missing("no metrics by version: no model was trained on a table with versions", project.run_command)


def by_state(project: ReportedProject) -> Iterator[Block]:
    """The metrics of the working tree, git revisions and experiments."""
    states = [facts for facts in _read_states(project) if facts.metrics]
    if not states:
        yield Missing("no metrics in the working tree or any revision", project.run_command)
        return
    metrics = sorted({name for facts in states for name in facts.metrics if not name.startswith("train: ")})
    rows = [
        [
            facts.name,
            str(facts.params.get("train.lr", "–")),
            *(show_figure(facts.metrics.get(name)) for name in metrics),
        ]
        for facts in states
    ]
    columns = ["state", "train.lr", *(name.replace("_", " ") for name in metrics)]
    yield Table("Metrics by revision and experiment", columns, rows, "firelib compare A B shows all that differs.")


def _read_states(project: ReportedProject) -> Iterator[StateFacts]:
    for snapshot in open_states(project.paths, project.states):
        with suppress(FirelibError):  # a state without metrics
            yield read_facts(snapshot)


def pictures(project: ReportedProject) -> Iterator[Block]:
    """The plots of the evaluation."""
    files = sorted(project.paths.plots.glob("*.png"))
    own = [file for file in files if file.stem not in ("compare", "data_diff")]  # these show two states
    if not own:
        yield Missing(f"no pictures: plots/{project.name}/ holds no .png", project.command("firelib evaluate"))
    room = _MOST_PICTURE_BYTES
    for file in own:
        content = file.read_bytes()
        if len(content) > room:
            yield Missing(f"{project.shown(file)} is too large for the report", "open the file")
            continue
        room -= len(content)
        yield _embed(file, content, project.name)


def _embed(file: Path, content: bytes, recipe: str) -> Picture:
    title = file.stem.replace("_", " ")
    alt = f"{recipe}: {_VIEWS.get(file.stem, title)}"
    return Picture(f"data:image/png;base64,{base64.b64encode(content).decode()}", alt, title)
