"""The pipeline: the graph of its stages, and the hashes that dvc.lock pins."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError
from typing import Any

from firelib.compare.facts import flatten
from firelib.report.content import Block, Facts, Missing, Table
from firelib.report.drawings.graph import Graph
from firelib.report.figures import show_bytes
from firelib.report.project import HASH_DIGITS, ReportedProject

_OUTPUTS = ("outs", "metrics", "plots")


def stages(project: ReportedProject) -> Iterator[Block]:
    """The graph of dvc.yaml, and the inputs and outputs of the last run."""
    if not project.stages:
        yield Missing("no pipeline: dvc.yaml does not exist or has no stages", "firelib sync")
        return
    graph = Graph("Stages and their dependencies", _find_parents(project.stages), _notes(project))
    try:
        drawn = bool(graph.nodes)
    except CycleError:
        drawn = False
    yield graph if drawn else Missing("the stages of dvc.yaml depend on each other in a circle", "firelib sync")
    locked = project.locked_stages
    if not locked:
        yield Missing("no stage has run: dvc.lock does not exist", project.run_command)
        return
    yield Table(
        "Inputs and outputs of the last run (dvc.lock)",
        ["stage", "", "path", "MD5", "size"],
        [row for name, stage in locked.items() for row in _locked_rows(str(name), stage)],
    )
    never = [name for name in project.stages if name not in locked]
    if never:
        yield Missing(f"stages that have not run: {', '.join(map(str, never))}", project.run_command)


def parameters(project: ReportedProject) -> Iterator[Block]:
    """All parameters, with defaults filled in."""
    values = flatten(project.params.model_dump(mode="json"))
    rows = [[name, "null" if value is None else str(value)] for name, value in values.items()]
    yield Table("Parameters (params.yaml, with defaults)", ["parameter", "value"], rows)


def lineage(project: ReportedProject) -> Iterator[Block]:
    """What the model was made from."""
    record = project.lineage
    if record is None:
        yield Missing(f"no lineage: models/{project.name}/lineage.json does not exist", project.run_command)
        return
    data, git = record.get("data") or {}, record.get("git") or {}
    versions = [f"{name} {version}" for name, version in (data.get("tables") or {}).items()]
    same = None
    if project.manifest:
        same = "yes" if data.get("manifest_sha256") == project.manifest.sha256 else "no: the data have changed since"
    yield Facts(
        {
            "run": data.get("run"),
            "dataset (SHA-256 of its manifest)": data.get("manifest_sha256"),
            "is the dataset of this project": same,
            "weights (SHA-256)": data.get("weights_sha256"),
            "versions of tables": ", ".join(versions),
            "git revision": git.get("revision"),
            "uncommitted changes": "yes" if git.get("dirty") else "no",
            "job": record.get("job") or "none: trained by firelib train itself",
            "tracked run": data.get("tracking_id"),
        }
    )


def _find_parents(stages: Mapping[str, Any]) -> dict[str, list[str]]:
    outputs = {path: str(name) for name, stage in stages.items() for key in _OUTPUTS for path in _paths(stage.get(key))}
    return {
        str(name): sorted(
            {owner for path in _paths(stage.get("deps")) if (owner := _owner(path, outputs)) != name} - {""}
        )
        for name, stage in stages.items()
    }


def _owner(path: str, outputs: Mapping[str, str]) -> str:
    """The stage that writes a path, or a folder that holds it; empty if no stage does."""
    return next((stage for output, stage in outputs.items() if path == output or path.startswith(f"{output}/")), "")


def _paths(entries: Any) -> list[str]:
    """Paths in a list of dvc.yaml, whose entries may be mappings with options."""
    found = [name for entry in entries or [] for name in (entry if isinstance(entry, Mapping) else [entry])]
    return [str(name) for name in found]


def _notes(project: ReportedProject) -> dict[str, str]:
    notes = {}
    for name in project.stages:
        outs = _entries(project.locked_stages.get(name), "outs")
        size = sum(out.get("size", 0) for out in outs)
        notes[str(name)] = f"{len(outs)} outputs, {show_bytes(size)}" if outs else "has not run"
    return notes


def _locked_rows(name: str, stage: Any) -> Iterator[list[str]]:
    for key, word in (("deps", "needs"), ("outs", "writes")):
        for entry in _entries(stage, key):
            digest = str(entry.get("md5", "–")).removesuffix(".dir")[:HASH_DIGITS]
            size = show_bytes(entry["size"]) if isinstance(entry.get("size"), int) else "–"
            yield [name, word, str(entry.get("path")), digest, size]


def _entries(stage: Any, key: str) -> Sequence[Mapping[str, Any]]:
    entries = stage.get(key) if isinstance(stage, Mapping) else None
    return [entry for entry in entries or [] if isinstance(entry, Mapping)]
