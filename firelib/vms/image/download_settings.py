"""How this machine downloads packages, so that VMs do it in the same way: apt's sources, proxies, certificates."""

import os
from dataclasses import dataclass
from pathlib import Path

from firelib.vms.run_program import run_program

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_NETWORK = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
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
    """

    sources: str
    apt: str
    environment: dict[str, str]
    certificates: bytes


def read_download_settings(release: str) -> DownloadSettings:
    """Read the settings of this machine.

    Args:
        release: Debian release of the VMs; of another release than this machine's, they use Debian's usual mirror.
    """
    return DownloadSettings(
        sources=_read_sources(release) or _DEBIAN.format(release=release),
        apt=_read_apt_settings(),
        environment=_read_environment(),
        certificates=CA_BUNDLE.read_bytes() if CA_BUNDLE.exists() else b"",
    )


def _read_sources(release: str) -> str:
    """The Debian sources of this machine's apt for a release, without those of other vendors."""
    rows = run_program(
        "apt-get", "indextargets", "--format", _ROW, "Created-By: Packages", "Origin: Debian", check=False
    )
    return "".join(f"deb {row}\n" for row in dict.fromkeys(rows.splitlines()) if row.split()[1].startswith(release))


def _read_apt_settings() -> str:
    lines = run_program("apt-config", "dump", check=False).splitlines()
    return "\n".join(
        [*(line for line in lines if line.startswith(_APT_SETTINGS)), 'APT::Install-Recommends "false";', ""]
    )


def _read_environment() -> dict[str, str]:
    found = {name: os.environ[name] for name in _NETWORK if os.environ.get(name)}
    return found | ({name: str(CA_BUNDLE) for name in _CERTIFICATES} if CA_BUNDLE.exists() else {})
