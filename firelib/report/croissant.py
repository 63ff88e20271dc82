"""Describe a dataset as Croissant (MLCommons, version 1.0): JSON-LD that other tools read.

Croissant has no word for how a TFRecord is parsed. The fields name the features, so that a reader of TFRecords finds
them; libraries that load data through Croissant do not read TFRecords.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.recipe import Feature
from firelib.report.project import ReportedProject
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest

_FORMAT = "application/x-tfrecord"
_CROISSANT = "http://mlcommons.org/croissant/"
_OWN_TERMS = (
    "citeAs column conformsTo equivalentProperty examples extract field fileObject fileProperty fileSet format "
    "includes isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate "
    "separator source subField transform"
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in _OWN_TERMS.split()},
    "conformsTo": "dct:conformsTo",
    "cr": _CROISSANT,
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": f"{_CROISSANT}RAI/",
    "sc": "https://schema.org/",
}


def describe_dataset(project: ReportedProject, manifest: Manifest, shards: Path, folder: Path) -> dict[str, Any]:
    """The content of croissant.json.

    Args:
        project: The project.
        manifest: The manifest of its dataset.
        shards: Folder of the dataset's shards, on this machine.
        folder: Folder that croissant.json will be in. Files are named relative to it if both are in the project.

    Returns:
        JSON-LD: the files with their sizes and hashes, and a record set for each split. Publisher, license and citation
        are left out, since a project does not tell them.
    """
    lake = project.attempt(lambda: project.lake)
    sources = [record.source for record in lake.tables.values()] if lake else []
    version = max(manifest.tables.values(), default=0)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": f"{_CROISSANT}1.0",
        "name": manifest.recipe.replace("_", "-"),
        "description": _describe(manifest),
        "version": f"{version}.0.0",
        "isBasedOn": [project.shown(source) for source in sources],
        "distribution": [*_files(project, manifest, shards, folder), *_file_sets(manifest)],
        "recordSet": [_record_set(name, manifest) for name, split in manifest.splits.items() if split.shards],
    }


def _describe(manifest: Manifest) -> str:
    rows = ", ".join(f"{split.rows:,} rows for {name}" for name, split in manifest.splits.items())
    tables = ", ".join(f"{name} {version}" for name, version in manifest.tables.items())
    return (
        f"TFRecords of recipe {manifest.recipe}: {rows}. Versions of the tables: {tables}. Manifest {manifest.sha256}."
    )


def _files(project: ReportedProject, manifest: Manifest, shards: Path, folder: Path) -> Iterator[dict[str, Any]]:
    for name in sorted(manifest.file_names):
        path = project.paths.manifest if name == MANIFEST_NAME else shards / name
        kind = "application/octet-stream" if name.endswith(".index") else _FORMAT
        kind = "application/json" if name.endswith(".json") else kind
        yield _file(name, _name_relative(project, path, folder), path, kind)


def _name_relative(project: ReportedProject, path: Path, folder: Path) -> str:
    """How croissant.json names a file: its name alone if the file or croissant.json is outside of the project."""
    own, parent = project.folder.resolve(), path.parent.resolve()
    if not folder.resolve().is_relative_to(own) or not parent.is_relative_to(own):
        return path.name
    return f"{os.path.relpath(parent, folder.resolve())}/{path.name}"


def _file(name: str, url: str, path: Path, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": url,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": kind,
        "sha256": storage.sha256_file(path),
    }


def _file_sets(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for name, split in manifest.splits.items():
        if split.shards:
            yield {
                "@type": "cr:FileSet",
                "@id": f"{name}-shards",
                "name": f"{name}-shards",
                "description": f"All shards of split {name}.",
                "containedIn": [{"@id": shard.name} for shard in split.shards],
                "encodingFormat": _FORMAT,
                "includes": "*.tfrecord",
            }


def _record_set(split: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"{manifest.splits[split].rows} rows, each a tf.train.Example.",
        "field": [_field(split, feature, manifest) for feature in manifest.columns],
    }


def _field(split: str, feature: Feature, manifest: Manifest) -> dict[str, Any]:
    is_label = manifest.label is not None and feature.name == manifest.label.name
    description = feature.description or ("The label." if is_label else f"Feature {feature.name}.")
    field = {
        "@type": "cr:Field",
        "@id": f"{split}/{feature.name}",
        "name": feature.name,
        "description": description,
        "dataType": _data_type(feature),
        "source": {"fileSet": {"@id": f"{split}-shards"}, "extract": {"column": feature.name}},
    }
    return {**field, "repeated": True} if feature.shape else field


def _data_type(feature: Feature) -> str:
    if "float" in feature.dtype:
        return "sc:Float"
    if feature.dtype == "bool":
        return "sc:Boolean"
    return "sc:Integer" if "int" in feature.dtype else "sc:Text"
