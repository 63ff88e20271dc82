"""The hashes in dvc.lock: of every input and output of the stages."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from firelib.report.project import ReportedProject
from firelib.report.verify.check import Check, hash_or_missing

_CHUNK_BYTES = 1 << 20
_KINDS = {"data": "data", "models": "model", "metrics": "metrics", "plots": "plots"}
#: Names that DVC leaves out of a folder's hash.
_IGNORED = frozenset({".gitignore", ".dvc", ".git", ".hg", ".DS_Store"})


def check_locked(project: ReportedProject) -> Iterator[Check]:
    """Compare every file and folder that dvc.lock names. One that several stages name is hashed once."""
    lock = project.locate(project.pipeline.with_name("dvc.lock"))
    known: dict[str, str] = {}
    for path, expected in read_pins(project):
        if known.get(path) == expected:
            continue
        known[path] = expected
        yield _check(project, path, expected, lock)


def read_pins(project: ReportedProject) -> Iterator[tuple[str, str]]:
    """The outputs and inputs that dvc.lock names, and their hashes.

    Paths are relative to the project's folder. An absolute path outside of it stays absolute, so that it does not
    depend on where the project lies.
    """
    for name, stage in project.locked_stages.items():
        folder = project.pipeline.absolute().parent / str(project.stages.get(name, {}).get("wdir", "."))
        for key in ("outs", "deps"):
            for entry in stage.get(key) or []:
                if entry.get("md5"):
                    yield _name(project, folder, Path(str(entry.get("path")))), str(entry["md5"])


def _name(project: ReportedProject, folder: Path, path: Path) -> str:
    absolute, own = Path(os.path.normpath(folder / path)), project.folder.absolute()
    is_outside = path.is_absolute() and not absolute.is_relative_to(own)
    return str(absolute) if is_outside else os.path.relpath(absolute, own)


def _check(project: ReportedProject, path: str, expected: str, lock: str) -> Check:
    target = project.folder.absolute() / path
    found = hash_or_missing(target, md5_folder if expected.endswith(".dir") else md5_file)
    kind = _KINDS.get(path.partition("/")[0], "input")
    remedy = f"dvc checkout restores it, or {project.run_command} makes it again"
    return Check(kind, path, expected, found, lock, remedy)


def md5_file(path: Path) -> str:
    """MD5 of a file, as DVC computes it. It detects changes; it does not protect against forgery."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def md5_folder(path: Path) -> str:
    """MD5 of a folder, as DVC computes it: of the JSON list of its files' names and hashes."""
    files = [file for file in path.rglob("*") if file.is_file() and not _IGNORED & set(file.relative_to(path).parts)]
    entries = [{"md5": md5_file(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    listed = json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True)
    return f"{hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest()}.dir"
