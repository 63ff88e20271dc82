"""What jobs, variables, secrets and labels may be called. The rules are the strictest of all backends together."""

import re
from collections.abc import Iterator, Mapping

# Kubernetes adds a suffix of up to 23 characters to a name of at most 63.
_LONGEST_ID = 40
_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)(_|$)", re.IGNORECASE)
_LABEL_KEY = re.compile(r"[a-z]([a-z0-9_-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)?")
_REFERENCE = {
    "env": _VARIABLE,
    "file": re.compile(r".+"),
    "gcp": re.compile(r"projects/[^/]+/secrets/[^/]+/versions/[^/]+"),
    "k8s": re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]+"),
}

#: Variables that backends and the bootstrap set themselves.
RESERVED = frozenset(
    {
        "AIP_CHECKPOINT_DIR",
        "AIP_MODEL_DIR",
        "AIP_TENSORBOARD_LOG_DIR",
        "CLUSTER_SPEC",
        "FIRELIB_JOB_CODE",
        "FIRELIB_JOB_ID",
        "FIRELIB_JOB_SECONDS",
        "FIRELIB_JOB_SECRETS",
        "FIRELIB_RAY_ADDRESS",
        "FIRELIB_STORAGE_ROOT",
        "JOB_COMPLETION_INDEX",
        "RAY_ADDRESS",
        "RAY_AUTH_MODE",
        "TF_CONFIG",
    }
)


def of_job(job_id: str) -> Iterator[str]:
    """What is wrong with a job's name."""
    if len(job_id) > _LONGEST_ID:
        yield f"job_id: should have at most {_LONGEST_ID} characters, got {len(job_id)} in {job_id!r}"
    if not _ID.fullmatch(job_id):
        yield f"job_id: should be small letters, digits and - (a letter first, no - last), got {job_id!r}"


def of_variables(env: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a job's variables; a value that may be secret is never repeated."""
    for name in [*env, *secrets]:
        if not _VARIABLE.fullmatch(name):
            yield f"env: {name!r} is no name of a variable"
        elif name in RESERVED:
            yield f"env.{name}: the backend sets it, it cannot be given"
    for name in sorted(set(env) & set(secrets)):
        yield f"env.{name}: stands in env and in secrets"
    for name in env:
        if _SECRET_NAME.search(name):
            yield f"env.{name}: looks like a secret; give where it comes from instead: --secret {name}=env:{name}"
    for name, reference in secrets.items():
        yield from _of_reference(name, reference)


def _of_reference(name: str, reference: str) -> Iterator[str]:
    kind, _, rest = reference.partition(":")
    if kind not in _REFERENCE:  # perhaps the secret itself: not shown
        yield f"secrets.{name}: should say where the value comes from ({', '.join(f'{k}:…' for k in _REFERENCE)})"
    elif not _REFERENCE[kind].fullmatch(rest):
        yield f"secrets.{name}: {kind}: should be followed by {_EXAMPLES[kind]}"


_EXAMPLES = {
    "env": "the name of a variable",
    "file": "a path",
    "gcp": "projects/P/secrets/S/versions/N",
    "k8s": "SECRET/KEY",
}


def of_labels(labels: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a job's labels."""
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            yield f"labels: {key!r} should be small letters, digits, - and _ (a letter first, at most 63)"
        if not _LABEL_VALUE.fullmatch(value):
            yield f"labels.{key}: should be small letters, digits, - and _ (at most 63), got {value!r}"
