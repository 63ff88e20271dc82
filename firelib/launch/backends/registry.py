"""Find backends by name: built-in ones, and those that installed packages provide as entry points."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from firelib.console import note
from firelib.errors import FirelibError, did_you_mean
from firelib.extras import find_extra, missing_modules, require_modules
from firelib.launch.backend import Backend
from firelib.launch.job_spec import JobSpec, refuse

#: Name → class, imported on use. Registered in code, since images hold no installed metadata of firelib.
BUILT_IN: Mapping[str, str] = {
    "local": "firelib.launch.backends.local.backend:LocalBackend",
    "docker": "firelib.launch.backends.docker.backend:DockerBackend",
    "ray": "firelib.launch.backends.ray.backend:RayBackend",
    "vertex": "firelib.launch.backends.vertex.backend:VertexBackend",
    "kubeflow": "firelib.launch.backends.kubeflow.backend:KubeflowBackend",
    "slurm": "firelib.launch.backends.slurm.backend:SlurmBackend",
}

# Name → extra → the modules of it that submitting a job imports.
_NEEDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "vertex": {"vertex": ("google.cloud.aiplatform",)},
    "kubeflow": {"kubeflow": ("kubeflow",)},
}

#: Group of entry points (PEP 621: `[project.entry-points."firelib.backends"]`) that add backends.
GROUP = "firelib.backends"


def backend_names() -> list[str]:
    """Return the names of all backends, built-in ones first, without importing any."""
    return [*BUILT_IN, *_plugins()]


def load_backend(name: str) -> Backend:
    """Return the backend of this name.

    Raises:
        FirelibError: The name is unknown, the backend needs a package that is not installed, or its plug-in is broken.
    """
    if name in BUILT_IN:
        return _load_built_in(name)
    plugins = _plugins()
    if name in plugins:
        return _load_plugin(plugins[name])
    known = did_you_mean(name, [*BUILT_IN, *plugins])
    raise FirelibError(f"there is no backend {name!r}", where="--to", remedy=known)


def require_packages(name: str) -> None:
    """Refuse to submit a job to a backend whose packages are not installed.

    Raises:
        FirelibError: Packages are missing.
    """
    require_modules(_NEEDS.get(name, {}), f"backend {name}")


def load_plugins() -> list[Backend]:
    """Return the backends of all plug-ins that load; the others are reported as warnings."""
    loaded = []
    for plugin in _plugins().values():
        try:
            loaded.append(_load_plugin(plugin))
        except FirelibError as error:
            note(f"warning: {error}")
    return loaded


def validate_job(name: str, spec: JobSpec) -> Backend:
    """Return the backend of this name after it has accepted a job.

    Args:
        name: The backend's name.
        spec: The job.

    Raises:
        FirelibError: There is no such backend, or it would refuse the job; all reasons are named.
    """
    chosen = load_backend(name)
    refuse(chosen.validate(spec), where=f"job {spec.job_id} for {name}")
    return chosen


def _load_built_in(name: str) -> Backend:
    module, _, class_name = BUILT_IN[name].partition(":")
    try:
        backend: Backend = getattr(import_module(module), class_name)()
    except ModuleNotFoundError as error:
        missing = str(error.name)
        raise missing_modules([missing], [find_extra(missing) or name], f"backend {name}") from error
    return backend


def _plugins() -> dict[str, EntryPoint]:
    """Name → entry point of each plug-in whose name is free; a taken name is reported as a warning."""
    plugins: dict[str, EntryPoint] = {}
    for plugin in entry_points(group=GROUP):
        if plugin.name in BUILT_IN or plugin.name in plugins:
            note(f"warning: ignoring backend {plugin.name!r} of {_package(plugin)}: the name is taken")
        else:
            plugins[plugin.name] = plugin
    return plugins


def _load_plugin(plugin: EntryPoint) -> Backend:
    where = f"{_package(plugin)}, entry point {plugin.value}"
    remedy = f"update or uninstall {_package(plugin)}"
    try:
        backend = plugin.load()()
    except Exception as error:
        raise FirelibError(
            f"backend {plugin.name!r} cannot be loaded: {type(error).__name__}: {error}", where=where, remedy=remedy
        ) from error
    problems = "; ".join(_find_defects(plugin.name, backend))
    if problems:
        raise FirelibError(f"backend {plugin.name!r} is broken: {problems}", where=where, remedy=remedy)
    return backend  # type: ignore[no-any-return]  # _find_defects has checked the type


def _find_defects(name: str, backend: object) -> Iterator[str]:
    if not isinstance(backend, Backend):
        yield f"expected a subclass of firelib.launch.backend.Backend, got {type(backend).__qualname__}"
    elif getattr(backend, "name", None) != name:
        yield f"expected the attribute name={name!r}, got {getattr(backend, 'name', None)!r}"


def _package(plugin: EntryPoint) -> str:
    return plugin.dist.name if plugin.dist else "an installed package"
