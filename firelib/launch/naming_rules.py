"""Naming rules of jobs, variables, secrets and labels: names that pass are valid on every backend."""

import re
from collections.abc import Iterable, Iterator, Mapping

from firelib.launch.secret_content import is_secret

# Kubernetes allows 63 characters and appends up to 23 of them to the name of a job.
_LONGEST_ID = 40
_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|PASSCODE|CREDENTIALS?|CREDS?|CONNECTION_STRING)(_|\d|$)"
    r"|(^|_)(PASS|PAT|DSN)$"
    r"|(?<!^)(?<!^OLD)PWD(_|\d|$)",  # PWD and OLDPWD are folders
    re.IGNORECASE,
)
_URL_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@:]*:(?!\d*([/,;?#\s]|$))\S+@", re.IGNORECASE)
_PARAMETER = re.compile(
    r"(^|[?&;\s])(password|passwd|pwd|passphrase|secret|token|access_?token|api_?key|sig)\s*=\s*[^\s&;]", re.IGNORECASE
)
_LABEL_KEY = re.compile(r"[a-z]([a-z0-9_-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)?")
_REFERENCE = {
    "env": _VARIABLE,
    "file": re.compile(r".+"),
    "gcp": re.compile(r"projects/[^/]+/secrets/[^/]+/versions/[^/]+"),
    "k8s": re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]+"),
}
_EXAMPLES = {
    "env": "the name of a variable",
    "file": "a path",
    "gcp": "projects/P/secrets/S/versions/N",
    "k8s": "SECRET/KEY",
}

#: Variables that backends and the entry point set; a job cannot set them.
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


def validate_job_id(job_id: str) -> Iterator[str]:
    """Check a job's id; yield one line for each problem."""
    if len(job_id) > _LONGEST_ID:
        yield f"job_id: expected at most {_LONGEST_ID} characters, got {len(job_id)} in {job_id!r}"
    if not _ID.fullmatch(job_id):
        yield (
            "job_id: expected lower-case letters, digits and hyphens, beginning with a letter "
            f"and not ending with a hyphen, got {job_id!r}"
        )


def validate_env(env: Mapping[str, str]) -> Iterator[str]:
    """Check the names and values of a job's variables; yield one line for each problem, without any value."""
    yield from _validate_names(env, "env")
    for name, value in env.items():
        suspect = "name suggests" if _SECRET_NAME.search(name) else "value contains" if _has_secret(value) else ""
        if suspect:
            yield f"env.{name}: the {suspect} a secret; name its source instead: --secret {name}=env:{name}"


def validate_visible(values: Mapping[str, str]) -> Iterator[str]:
    """Check values that requests, records and `ps` show.

    Args:
        values: Name of the field, for errors → value.

    Yields:
        One line for each value that contains a secret, without the value.
    """
    for name, value in values.items():
        if _has_secret(value):
            yield f"{name}: the value contains a secret, and everyone who sees the job can read it; use --secret"


def _has_secret(value: str) -> bool:
    """Whether a text contains a URL with a password, a parameter such as `password=…`, or a key."""
    return bool(_URL_WITH_PASSWORD.search(value) or _PARAMETER.search(value)) or is_secret(value)


def validate_secrets(secrets: Mapping[str, str], env: Mapping[str, str]) -> Iterator[str]:
    """Check the names and references of a job's secrets.

    Args:
        secrets: Variable → reference. A reference may be the secret itself by mistake, so no problem repeats it.
        env: The job's other variables.

    Yields:
        One line for each problem.
    """
    yield from _validate_names(secrets, "secrets")
    for name in sorted(set(env) & set(secrets)):
        yield f"env.{name}: set in both env and secrets"
    for name, reference in secrets.items():
        yield from _validate_reference(name, reference)


def _validate_names(names: Iterable[str], field: str) -> Iterator[str]:
    for name in names:
        if not _VARIABLE.fullmatch(name):
            yield f"{field}: {name!r} is not a valid variable name"
        elif name in RESERVED:
            yield f"{field}.{name}: reserved, the backend sets this variable"


def _validate_reference(name: str, reference: str) -> Iterator[str]:
    kind, _, rest = reference.partition(":")
    if kind not in _REFERENCE:
        yield f"secrets.{name}: expected a reference to the value ({', '.join(f'{k}:…' for k in _REFERENCE)})"
    elif not _REFERENCE[kind].fullmatch(rest):
        yield f"secrets.{name}: expected {_EXAMPLES[kind]} after {kind}:"


def validate_labels(labels: Mapping[str, str]) -> Iterator[str]:
    """Check a job's labels; yield one line for each problem."""
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            yield (
                "labels: expected a key of at most 63 lower-case letters, digits, - and _, beginning with a letter, "
                f"got {key!r}"
            )
        if not _LABEL_VALUE.fullmatch(value):
            yield f"labels.{key}: expected at most 63 lower-case letters, digits, - and _, got {value!r}"
