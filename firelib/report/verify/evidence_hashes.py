"""The hashes in evidence.json: of the report's own files, and of what the report describes."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from firelib import storage
from firelib.report.project import ReportedProject, read_json_file
from firelib.report.verify.check import Check, hash_or_missing
from firelib.report.verify.dvc_hashes import read_pins

#: The file that pins the files of a report.
EVIDENCE = "evidence.json"
_NOTHING = "nothing"


def describe_evidence(project: ReportedProject, files: Mapping[str, bytes]) -> dict[str, object]:
    """The content of evidence.json.

    Args:
        project: The project; what cannot be read of it is not described.
        files: Name → content of the report's files.
    """
    manifest = project.attempt(lambda: project.manifest)
    return {
        "recipe": project.name,
        "run": project.attempt(lambda: project.run_id),
        "manifest_sha256": manifest.sha256 if manifest else None,
        "describes": project.attempt(lambda: dict(sorted(read_pins(project)))) or {},
        "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
    }


def check_evidence(project: ReportedProject, folder: Path) -> Iterator[Check]:
    """Compare the files of a report with evidence.json, and this with dvc.lock.

    Args:
        project: The project.
        folder: Folder of the report's files; without evidence.json, there is nothing to compare.
    """
    pinned = read_json_file(folder / EVIDENCE)
    if pinned is None:
        return
    remedy, name = "firelib report makes it again", project.locate(folder.absolute() / EVIDENCE)
    for file, expected in (pinned.get("files") or {}).items():
        found = hash_or_missing(folder / file, storage.sha256_file)
        yield Check("evidence", project.locate(folder.absolute() / file), str(expected), found, name, remedy)
    described = {str(path): str(digest) for path, digest in (pinned.get("describes") or {}).items()}
    now = dict(read_pins(project))
    lock = project.locate(project.pipeline.absolute().with_name("dvc.lock"))
    for path in sorted({*described, *now}):
        expected, found = now.get(path, _NOTHING), described.get(path, _NOTHING)
        if expected != found:
            yield Check("evidence", f"{name}: {path}", expected, found, lock, remedy)
