"""Write the files of a report: HTML, Croissant, model card, and the hashes of all of them."""

import html
from pathlib import Path

from firelib import storage
from firelib.report.collect import collect
from firelib.report.content import Missing
from firelib.report.croissant import describe_dataset
from firelib.report.model_card import render_model_card
from firelib.report.project import ReportedProject
from firelib.report.render import render_html
from firelib.report.verify.evidence_hashes import EVIDENCE, describe_evidence

HTML, CROISSANT, MODEL_CARD = "report.html", "croissant.json", "model_card.md"


def default_folder(project: ReportedProject) -> Path:
    """Folder of the files of a report."""
    return project.folder / "build" / "report" / project.name


def write_report(project: ReportedProject, folder: Path) -> list[tuple[str, Missing]]:
    """Write the report of a project. What the project does not have makes no file.

    Args:
        project: The project.
        folder: Folder to write; its other files stay.

    Returns:
        What is missing, with the heading of the section that lacks it.

    Raises:
        FirelibError: The report would be too large, or the disk is full.
    """
    report = collect(project)
    written = {HTML: render_html(report).encode()}
    has_shards = project.manifest is not None and all(
        (project.paths.tfrecords / name).is_file() for name in project.manifest.file_names
    )
    if project.manifest is not None and has_shards:
        written[CROISSANT] = storage.to_json(describe_dataset(project, project.manifest, folder))
    if project.lineage is not None:
        written[MODEL_CARD] = html.unescape(render_model_card(project)).encode()
    written = {name: _hide_folder(content, project) for name, content in written.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name in (HTML, CROISSANT, MODEL_CARD):
        if name in written:
            storage.write_bytes(str(folder / name), written[name])
        else:  # that of an earlier report would describe other data
            (folder / name).unlink(missing_ok=True)
    evidence = describe_evidence(project, folder, list(written))
    storage.write_bytes(str(folder / EVIDENCE), storage.to_json(evidence))
    return report.missing


def _hide_folder(content: bytes, project: ReportedProject) -> bytes:
    """Content whose paths are relative to the project: where it lies on this machine is nobody's business."""
    return content.replace(f"{project.folder.absolute()}/".encode(), b"")
