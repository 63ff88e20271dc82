"""Write the files of a report: HTML, Croissant, model card, and the hashes of all of them."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import TemplateError

from firelib import storage
from firelib.errors import FirelibError
from firelib.report.collect import collect
from firelib.report.content import Missing
from firelib.report.croissant import describe_dataset
from firelib.report.hide import map_texts
from firelib.report.model_card import render_model_card
from firelib.report.project import DAMAGED, ReportedProject, read_json_file
from firelib.report.render import render_html
from firelib.report.verify.evidence_hashes import EVIDENCE, describe_evidence

HTML, CROISSANT, MODEL_CARD = "report.html", "croissant.json", "model_card.md"
_NAMES = (HTML, CROISSANT, MODEL_CARD)


def default_folder(project: ReportedProject) -> Path:
    """Folder of the files of a report."""
    return project.folder / "build" / "report" / project.name


def write_report(project: ReportedProject, folder: Path) -> list[tuple[str, Missing]]:
    """Write the report of a project. What the project does not have makes no file.

    Everything is made before the first file is written. evidence.json comes first, since it tells the next report
    which files of the folder are its own.

    Args:
        project: The project.
        folder: Folder to write; its other files stay.

    Returns:
        What is missing, with the heading of the section that lacks it.

    Raises:
        FirelibError: The folder holds a file of one of these names that firelib did not write, the report would be too
            large, or the disk is full.
    """
    _refuse_foreign(folder)
    made = {
        CROISSANT: _attempt(lambda: _make_croissant(project, folder), CROISSANT),
        MODEL_CARD: _attempt(lambda: _make_model_card(project), MODEL_CARD),
    }
    report = collect(project, [found for found in made.values() if isinstance(found, Missing)])
    files = {HTML: render_html(map_texts(report, project.hide_folder)).encode()}
    files |= {name: found for name, found in made.items() if isinstance(found, bytes)}
    evidence = describe_evidence(project, files)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _NAMES:
        if name not in files:  # that of an earlier report would describe other data
            (folder / name).unlink(missing_ok=True)
    storage.write_bytes(str(folder / EVIDENCE), storage.to_json(evidence))
    for name, content in files.items():
        storage.write_bytes(str(folder / name), content)
    return report.missing


def _refuse_foreign(folder: Path) -> None:
    """Refuse to replace what no earlier report has written: its evidence.json names what it wrote."""
    evidence = folder / EVIDENCE
    try:
        named = (read_json_file(evidence) or {}).get("files")
    except FirelibError:
        named = None
    own = set(named) if isinstance(named, dict) else set()
    foreign = [name for name in _NAMES if name not in own and (folder / name).exists()]
    if evidence.exists() and not own:
        foreign.append(EVIDENCE)
    storage.refuse_files(foreign, str(folder))


def _attempt(make: Callable[[], bytes | Missing | None], name: str) -> bytes | Missing | None:
    """The content of a file; why it is missing if something that it describes cannot be read."""
    try:
        return make()
    except FirelibError as error:
        return Missing(f"{name} is not written: {error.headline}", error.remedy or "")
    except (*DAMAGED, TemplateError) as error:
        return Missing(f"{name} is not written: {type(error).__name__}: {error}")


def _make_croissant(project: ReportedProject, folder: Path) -> bytes | Missing | None:
    manifest = project.manifest
    if manifest is None:
        return None
    shards = project.dataset
    if shards is None or not storage.is_local(shards):
        where = "not on this machine" if shards is None else f"in {shards}"
        return Missing(f"{CROISSANT} is not written: the shards are {where}", project.command("firelib transform"))
    content = describe_dataset(project, manifest, Path(storage.absolute(shards)), folder)
    return storage.to_json(map_texts(content, project.hide_folder))


def _make_model_card(project: ReportedProject) -> bytes | None:
    return None if project.lineage is None else render_model_card(project).encode()
