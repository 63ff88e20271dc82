"""What tests with containers keep between runs: base images, bytecode; and the folders of their labs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_NETWORK = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)


def variables() -> dict[str, str]:
    """Environment variables with which a container downloads packages as this machine does."""
    found = {name: os.environ[name] for name in _NETWORK if os.environ.get(name)}
    return found | ({name: str(_BUNDLE) for name in _CERTIFICATES} if _BUNDLE.exists() else {})


def tarball(packages: Sequence[str]) -> tuple[Path, str]:
    """Build a root file system as a tar file, or take a cached one; return its path and the digest of its inputs."""
    sources, apt, release = _sources(), _apt_settings(), _release()
    bundle = _BUNDLE.read_bytes() if _BUNDLE.exists() else b""
    parts = (*sorted(packages), sources, apt, release, hashlib.sha256(bundle).hexdigest(), str(variables()))
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    path = cache() / f"base-{digest}.tar"
    if not path.exists():
        _make(path, packages, sources, apt, release)
    return path, digest


def cache() -> Path:
    """The tests' cache folder; TESTS_CACHE overrides it."""
    folder = Path(os.environ.get("TESTS_CACHE") or Path.home() / ".cache") / "firelib-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def bytecode() -> Path:
    """Folder of the bytecode that hosts compile. It stays: compiling takes minutes, and Python knows what is stale."""
    return cache() / "bytecode"


def sweep(folder: Path, hours: float) -> None:
    """Remove the files of a folder that nobody has read or written for some hours, and folders without any file."""
    youngest = time.time() - 3600 * hours
    for parent, _, names in os.walk(folder, topdown=False):
        for path in (Path(parent, name) for name in names):
            with suppress(FileNotFoundError):  # Python of a running host has replaced it
                status = path.lstat()
                if max(status.st_atime, status.st_mtime) < youngest:
                    path.unlink()
        if Path(parent) != folder:
            with suppress(OSError):  # it has files
                Path(parent).rmdir()


@contextmanager
def lab_folder() -> Iterator[Path]:
    """Create a folder in the cache for the duration of the block, and remove those of tests that were killed.

    It is on the disk of uv's cache, whose packages hosts link. A killed test does not remove its folder, but the kernel
    releases the lock of it.
    """
    folder = cache() / f"lab-{os.getpid()}"
    with (cache() / "labs.lock").open("w") as labs:
        fcntl.flock(labs, fcntl.LOCK_EX)
        for other in cache().glob("lab-[0-9]*"):
            with suppress(FileNotFoundError, BlockingIOError):  # its test has just ended, or runs
                _remove_abandoned(other)
        folder.mkdir()
        descriptor = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Remove the folder of a lab whose test has ended: here, or in a container with the same cache."""
    descriptor = _lock(folder)
    pid = int(folder.name.removeprefix("lab-"))
    if pid == os.getpid() or not psutil.pid_exists(pid):  # earlier versions of the tests have locked nothing
        shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def _lock(folder: Path) -> int:
    """Open a folder and lock it until it is closed; it is an error that another process has locked it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _make(path: Path, packages: Sequence[str], sources: str, apt: str, release: str) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        (folder / "sources.list").write_text(sources)
        (folder / "99-this-machine").write_text(apt)
        (folder / "environment").write_text("".join(f"{name}={value}\n" for name, value in variables().items()))
        hooks = [
            f"copy-in {folder}/sources.list /etc/apt",
            f"copy-in {folder}/99-this-machine /etc/apt/apt.conf.d",
            f"copy-in {folder}/environment /etc",  # the environment of logins over SSH
            *([f"copy-in {_BUNDLE} {_BUNDLE.parent}"] if _BUNDLE.exists() else []),
        ]
        include = ",".join(dict.fromkeys(("ca-certificates", *packages)))
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={include}", "--format=tar"]
        command += [f"--aptopt={folder}/99-this-machine", *(f"--customize-hook={hook}" for hook in hooks)]
        _run(*command, release, f"{folder}/made.tar", f"{folder}/sources.list")
        Path(folder, "made.tar").rename(path)


def _sources() -> str:
    """The Debian sources of this machine's apt, without those of other vendors."""
    rows = _run(
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
        "Origin: Debian",
    )
    return "".join(f"deb {row}\n" for row in dict.fromkeys(rows.splitlines()))


def _apt_settings() -> str:
    """This machine's apt settings for downloads (proxies, validity checks)."""
    lines = _run("apt-config", "dump").splitlines()
    kept = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries")
    return "\n".join([*(line for line in lines if line.startswith(kept)), 'APT::Install-Recommends "false";', ""])


def _release() -> str:
    release = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())
    return release["VERSION_CODENAME"].strip('"')


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout
