"""How this machine downloads packages, so that VMs do it in the same way: apt's sources, proxies, certificates.

What only this machine can reach, such as a mirror in a folder or a proxy on loopback, is left out.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from firelib.vms.run_program import run_program

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ADDRESSES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
)
_EXCEPTIONS = ("PIP_TRUSTED_HOST", "NO_PROXY", "no_proxy")  # harmless where they do not apply
_LOCAL_SCHEMES = ("file", "copy", "cdrom")  # also as apt's mirror+file
_NAME = re.compile(r"[\w.-]+=")  # of an index in UV_INDEX
_CREDENTIALS = re.compile(r"//[^/@]*@")
_APT_SETTINGS = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries")
_ROW = "$(REPO_URI) $(CODENAME) $(COMPONENT)"
_DEBIAN = """\
deb http://deb.debian.org/debian {release} main
deb http://deb.debian.org/debian {release}-updates main
deb http://deb.debian.org/debian-security {release}-security main
"""


@dataclass(frozen=True)
class DownloadSettings:
    """What a Debian system needs to download packages.

    Attributes:
        sources: Content of apt's sources.list.
        apt: Content of a file in apt.conf.d.
        environment: Variables for pip and uv.
        certificates: Trusted certificates, in PEM; empty for Debian's own.
        left_out: Settings of this machine that VMs do without, since they name what only this machine can reach.
    """

    sources: str
    apt: str
    environment: dict[str, str]
    certificates: bytes
    left_out: tuple[str, ...] = ()


def read_download_settings(release: str) -> DownloadSettings:
    """Read the settings of this machine.

    Args:
        release: Debian release of the VMs. If this machine has another one, or a source that VMs cannot reach, they
            use Debian's usual mirror.
    """
    sources, local_sources = _split(_read_sources(release), lambda row: row.split()[1])
    apt, local_apt = _split(_read_apt_settings(), _proxy)
    environment, local_variables = split_environment(os.environ)
    return DownloadSettings(
        sources="".join(f"{row}\n" for row in sources if not local_sources) or _DEBIAN.format(release=release),
        apt="\n".join([*apt, 'APT::Install-Recommends "false";', ""]),
        environment=environment | _point_to_certificates(),
        certificates=CA_BUNDLE.read_bytes() if CA_BUNDLE.exists() else b"",
        left_out=tuple(_CREDENTIALS.sub("//", setting) for setting in (*local_sources, *local_apt, *local_variables)),
    )


def is_local(address: str) -> bool:
    """Whether only this machine can reach an address: a path, a URL of a file, or a host on loopback.

    Args:
        address: A URL, or a host with a port, as proxies may be given.

    Example:
        >>> [is_local(address) for address in ("file:///srv/pypi", "http://127.0.0.1:3142", "localhost:3128", "/srv")]
        [True, True, True, True]
        >>> is_local("https://pypi.example.org/simple")
        False
    """
    scheme = address.partition(":")[0].rpartition("+")[2]
    if address.startswith("/") or scheme in _LOCAL_SCHEMES:
        return True
    host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")


def split_environment(variables: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Split the variables for pip, uv and proxies into those for VMs and settings that only this machine can use.

    Args:
        variables: Those of this process; lists of indexes may be in both parts.
    """
    kept = {name: variables[name] for name in _EXCEPTIONS if variables.get(name)}
    left_out = []
    for name in _ADDRESSES:
        usable, local = _split(variables.get(name, "").split(), lambda word: _NAME.sub("", word, count=1))
        if usable:
            kept[name] = " ".join(usable)
        left_out += [f"{name}={word}" for word in local]
    return kept, left_out


def _split(settings: Iterable[str], address: Callable[[str], str]) -> tuple[list[str], list[str]]:
    """Settings that name no local address, and those that do."""
    parts: tuple[list[str], list[str]] = ([], [])
    for setting in settings:
        parts[is_local(address(setting))].append(setting)
    return parts


def _read_sources(release: str) -> list[str]:
    """The Debian sources of this machine's apt for a release, without those of other vendors."""
    rows = run_program(
        "apt-get", "indextargets", "--format", _ROW, "Created-By: Packages", "Origin: Debian", check=False
    )
    return [f"deb {row}" for row in dict.fromkeys(rows.splitlines()) if row.split()[1].startswith(release)]


def _read_apt_settings() -> list[str]:
    lines = run_program("apt-config", "dump", check=False).splitlines()
    return [line for line in lines if line.startswith(_APT_SETTINGS)]


def _proxy(setting: str) -> str:
    """The proxy that a setting of apt names, or the program that finds one; empty for other settings."""
    name, _, value = setting.partition(" ")
    return value.strip('";') if "Proxy" in name else ""


def _point_to_certificates() -> dict[str, str]:
    return {name: str(CA_BUNDLE) for name in _CERTIFICATES} if CA_BUNDLE.exists() else {}
