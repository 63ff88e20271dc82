"""The machine and the libraries that a benchmark runs on."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.harness.schema import Machine
from firelib.machine import memory_limit, usable_cores

_GIB = 2**30
_LIBRARIES = (
    "array-record", "dask", "deltalake", "distributed", "duckdb", "dvc", "fastapi", "firelib", "grain", "keras",
    "litdata", "mosaicml-streaming", "numba", "numpy", "pandas", "polars", "pyarrow", "ray", "tensorflow",
    "uvicorn", "webdataset",
)  # fmt: skip
_LOAD_BEFORE = os.getloadavg()[0]  # before the benchmark itself adds to it


def describe_machine() -> Machine:
    """Describe the machine."""
    cpu = _read("/proc/cpuinfo")
    model = next((line.partition(":")[2].strip() for line in cpu.splitlines() if line.startswith("model name")), "")
    return Machine(
        cores=os.cpu_count() or 1,
        cpu=platform.machine(),
        python=platform.python_version(),
        load_before=round(_LOAD_BEFORE, 1),
        cpu_model=model,
        usable_cores=usable_cores(),
        memory_gib=round(psutil.virtual_memory().total / _GIB, 1),
        memory_limit_gib=round(memory_limit() / _GIB, 1),
        kernel=platform.release(),
        huge_pages=_chosen(_read("/sys/kernel/mm/transparent_hugepage/enabled")),
        virtual=is_virtual(cpu),
    )


def find_core(index: int) -> int:
    """The core with this index among those that this process may use, from the first one again after the last."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[index % len(cores)]


def is_virtual(cpuinfo: str) -> bool | None:
    """Whether /proc/cpuinfo is that of a virtual machine; None if it does not tell, as on ARM."""
    flags = next((line.split() for line in cpuinfo.splitlines() if line.startswith("flags")), None)
    return None if flags is None else "hypervisor" in flags


def list_libraries() -> dict[str, str]:
    """Name → version of the installed libraries that benchmarks use."""
    found = {}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def find_commit(folder: Path) -> str:
    """Git revision of a folder, with `+` after it if tracked files differ; empty without git."""
    with suppress(OSError, subprocess.CalledProcessError):
        revision = _git(folder, "rev-parse", "--short=12", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results")
        return f"{revision}+" if changes else revision
    return ""


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own command
    return done.stdout.strip()


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text()
    return ""


def _chosen(text: str) -> str:
    """The word in brackets, as in `always [madvise] never`."""
    return text.partition("[")[2].partition("]")[0]
