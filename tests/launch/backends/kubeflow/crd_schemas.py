"""Schemas of the custom resources, by version of their operator, reduced to what firelib's objects can meet.

The files in `schemas/` come from the CRDs that KubeRay (`helm-chart/kuberay-operator/crds`) and Kubeflow Trainer
(`manifests/base/crds`) publish at the tags that the files name. Each object that firelib writes into keeps the names
and types of all its fields; objects that firelib does not touch are not described further. To add a version:
`python -m tests.launch.backends.kubeflow.crd_schemas CRD.yaml VERSION`.
"""

import json
import sys
from functools import cache
from pathlib import Path

import jsonschema
import yaml

FOLDER = Path(__file__).with_name("schemas")
_KEPT = ("type", "enum", "minimum", "maximum", "maxLength", "pattern", "required", "maxItems", "minItems")


def versions(kind):
    """Return the versions whose schema of a kind is stored."""
    return sorted(file.stem.partition("-")[2] for file in FOLDER.glob(f"{kind}-*.json"))


def find_errors(resource, version):
    """Return what an API server with strict field validation refuses, one line for each error."""
    schema = _read(resource["kind"], version)
    checked = {name: value for name, value in resource.items() if name not in ("apiVersion", "kind", "metadata")}
    errors = jsonschema.Draft202012Validator(schema).iter_errors(checked)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def find_unknown(resource, version):
    """Return the paths of the fields of a resource that a version does not know."""
    return [*_unknown(_read(resource["kind"], version), {"spec": resource["spec"]}, "")]


def _unknown(schema, value, path):
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unknown(schema.get("items", {}), each, f"{path}[{index}]")
    elif isinstance(value, dict) and "properties" in schema:
        for name, each in value.items():
            inner = f"{path}.{name}".strip(".")
            if name in schema["properties"]:
                yield from _unknown(schema["properties"][name], each, inner)
            elif not schema["additionalProperties"]:
                yield inner


@cache
def _read(kind, version):
    return json.loads((FOLDER / f"{kind}-{version}.json").read_text())


def reduce_schema(schema, examples):
    """Return a schema without what the examples do not reach. Unknown fields become errors."""
    kept = {name: schema[name] for name in _KEPT if name in schema}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if "properties" in schema:
        kept["properties"] = {
            name: reduce_schema(each, [example[name] for example in examples if name in example])
            if any(name in example for example in examples)
            else {"type": each["type"]}
            if "type" in each
            else {}
            for name, each in schema["properties"].items()
        }
        kept["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = reduce_schema(schema["additionalProperties"], [])
    if "items" in schema:
        kept["items"] = reduce_schema(schema["items"], [each for example in examples for each in example])
    return kept


def _write(crd_file, version):
    from tests.launch.backends.kubeflow.test_requests import every_object

    crd = yaml.load(Path(crd_file).read_text(), yaml.CSafeLoader)
    kind = crd["spec"]["names"]["kind"]
    [schema] = [each["schema"]["openAPIV3Schema"] for each in crd["spec"]["versions"] if each["storage"]]
    examples = [{"spec": each["spec"]} for each in every_object() if each["kind"] == kind]
    reduced = reduce_schema(schema, examples)
    (FOLDER / f"{kind}-{version}.json").write_text(json.dumps(reduced, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    _write(*sys.argv[1:])
