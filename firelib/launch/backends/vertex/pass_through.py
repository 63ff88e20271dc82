"""Fields of a CustomJob that `--set job_spec.…=VALUE` and `--set encryption_spec.…=VALUE` write into the request.

firelib has no names of its own for reservations, persistent resources, private service connections, keys, web access
and the like. Google's message types check names and values.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from firelib.errors import did_you_mean
from firelib.extras import find_missing, install_command

#: Fields of a CustomJob below which settings are passed through.
ROOTS = ("job_spec", "encryption_spec")

_POOLS = ("job_spec", "worker_pool_specs")
_MESSAGE = 11  # google.protobuf.descriptor.FieldDescriptor.TYPE_MESSAGE
# Fields that firelib writes itself → what decides them.
_OWN_FIELDS: Mapping[str, str] = {
    "job_spec.base_output_directory": "--set output=gs://…",
    "job_spec.network": "--set network=…",
    "job_spec.scheduling.disable_retries": "--restarts",
    "job_spec.scheduling.strategy": "--provisioning",
    "job_spec.scheduling.timeout": "--timeout",
    "job_spec.service_account": "--set service_account=…",
    "job_spec.tensorboard": "--set tensorboard=…",
    "job_spec.worker_pool_specs.container_spec": "--image, --env and the command",
    "job_spec.worker_pool_specs.disk_spec.boot_disk_size_gb": "disk_gib in a job file",
    "job_spec.worker_pool_specs.machine_spec.accelerator_count": "--gpu",
    "job_spec.worker_pool_specs.machine_spec.accelerator_type": "--gpu",
    "job_spec.worker_pool_specs.machine_spec.machine_type": "--machine",
    "job_spec.worker_pool_specs.python_package_spec": "--image",
    "job_spec.worker_pool_specs.replica_count": "--replicas",
}


class _InvalidFieldError(Exception):
    """A field or a value that Google's message does not have."""


def is_passed_through(setting: str) -> bool:
    """Return whether a setting names a field of a CustomJob."""
    return setting.partition(".")[0] in ROOTS and "." in setting


def find_field_problems(fields: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with fields; each is checked against Google's message types.

    Args:
        fields: Path, such as `job_spec.enable_web_access` → value as text.
    """
    if fields and find_missing(["google.cloud.aiplatform_v1"]):
        yield f"target.{next(iter(fields))}: needs Google's message types: {install_command(['vertex'])}"
        return
    for path, text in fields.items():
        if own := _find_own_field(path):
            yield f"target.{path}: firelib writes this field: use {own}"
            continue
        if any(own.startswith(f"{path}.") for own in _OWN_FIELDS):
            yield f"target.{path}: firelib writes parts of this field: set its fields one by one"
            continue
        try:
            _parse_field(path, text)
        except _InvalidFieldError as error:
            yield f"target.{path}: {error}"


def apply_fields(job: dict[str, Any], fields: Mapping[str, str]) -> None:
    """Write fields into a request.

    Args:
        job: The request's `customJob`, in JSON; it is changed. Fields of worker pools reach every pool.
        fields: Fields without problems.
    """
    for path, text in fields.items():
        keys, value = _parse_field(path, text)
        if tuple(path.split(".")[:2]) == _POOLS:
            for pool in job["jobSpec"]["workerPoolSpecs"]:
                _write(pool, keys[2:], value)
        else:
            _write(job, keys, value)


def _find_own_field(path: str) -> str | None:
    parts = path.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return next((_OWN_FIELDS[prefix] for prefix in prefixes if prefix in _OWN_FIELDS), None)


def _parse_field(path: str, text: str) -> tuple[list[str], Any]:
    """Return the JSON names along a path, and the value in JSON.

    Raises:
        _InvalidFieldError: There is no such field, or the value has another type.
    """
    from google.cloud.aiplatform_v1 import CustomJob

    parts = path.split(".")
    message, keys = CustomJob.pb(CustomJob()).DESCRIPTOR, []
    for number, part in enumerate(parts):
        field = _find_field(message, part, parts[:number])
        keys.append(field.json_name)
        is_last = number == len(parts) - 1
        if is_last:
            return keys, _parse_value(field, text)
        if field.type != _MESSAGE or (field.is_repeated and tuple(parts[: number + 1]) != _POOLS):
            raise _InvalidFieldError(f"{'.'.join(parts[: number + 1])} has no fields; give its whole value as JSON")
        message = field.message_type
    raise AssertionError("a path has at least one part")


def _find_field(message: Any, name: str, before: Sequence[str]) -> Any:
    field = message.fields_by_name.get(name)
    if field is None:
        owner = ".".join(before) or "CustomJob"
        raise _InvalidFieldError(f"{owner} has no field {name!r}: {did_you_mean(name, message.fields_by_name)}")
    return field


def _parse_value(field: Any, text: str) -> Any:
    """Parse the value of a field as Google's message would: numbers and enums by name, messages as JSON."""
    from google.protobuf import json_format
    from google.protobuf.message_factory import GetMessageClass

    owner = GetMessageClass(field.containing_type)()
    try:
        value = _decode(field, text)
        json_format.ParseDict({field.json_name: value}, owner)
    except (json_format.ParseError, ValueError) as error:
        raise _InvalidFieldError(f"{_expected(field)}, got {text!r} ({str(error).partition(chr(10))[0]})") from None
    return json_format.MessageToDict(owner)[field.json_name] if owner.ListFields() else value


def _decode(field: Any, text: str) -> Any:
    """Return the JSON value that a text stands for; strings, enums and durations need no quotes."""
    if field.is_repeated:
        return json.loads(text)
    if field.type == _MESSAGE and not field.message_type.full_name.startswith("google.protobuf."):
        return json.loads(text)
    if field.type == field.TYPE_BOOL:
        return json.loads(text.lower())
    return text


def _expected(field: Any) -> str:
    if field.enum_type is not None:
        return f"expected one of {', '.join(field.enum_type.values_by_name)}"
    if field.is_repeated:
        return "expected a list in JSON"
    if field.type == _MESSAGE:
        return f"expected {field.message_type.name}"
    return "expected true or false" if field.type == field.TYPE_BOOL else "expected a number or text"


def _write(target: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    for key in keys[:-1]:
        target = target.setdefault(key, {})
    target[keys[-1]] = value
