"""Secrets that their form gives away, in the content of files: private keys and keys of clouds and services.

Each kind has a short marker, which is searched first since that takes a fraction of the time of a regular expression.
"""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LONGEST_TEXT = 16 << 20  # bytes of a UTF-16 file that is converted


class _Kind(NamedTuple):
    name: str
    markers: tuple[bytes, ...]
    pattern: re.Pattern[bytes]


def _kind(name: str, markers: str, pattern: str) -> _Kind:
    return _Kind(name, tuple(marker.encode() for marker in markers.split()), re.compile(pattern.encode()))


_ID = r"[\w-]"
_KINDS = (
    _kind("private key", "-----BEGIN", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY"),
    # the same in base64, as in a kubeconfig or a Kubernetes secret
    _kind(
        "private key", "LS0tLS1CRUdJTi", r"LS0tLS1CRUdJTi(?:BSU0Eg|BQUklWQVRF|BFQyBQ|BPUEVOU1NI|BFTkNSWVBURUQ|BEU0Eg)"
    ),
    _kind("private key", "PuTTY-User-Key-File", r"PuTTY-User-Key-File-\d:"),
    _kind("age key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    _kind("AWS access key", "AKIA ASIA", r"(?<![A-Za-z0-9+/])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9+/])"),
    _kind(
        "AWS secret key",
        "secret_access_key SECRET_ACCESS_KEY SecretAccessKey secretAccessKey",
        r"(?i:secret_?access_?key)[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    _kind("Google API key", "AIza", rf"(?<!\w)AIza{_ID}{{35}}(?!{_ID})"),
    _kind("Google OAuth secret", "GOCSPX-", rf"GOCSPX-{_ID}{{20,}}"),
    _kind("Google token", "ya29. 1//0", rf"(?<!\w)(?:ya29\.{_ID}{{20,}}|1//0{_ID}{{30,}})"),
    _kind("Azure key", "AccountKey= SharedAccessKey=", r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}"),
    _kind("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"(?<!\w)gh[pousr]_[A-Za-z0-9]{36}"),
    _kind("GitHub token", "github_pat_", r"github_pat_\w{22,}"),
    _kind("GitLab token", "glpat-", rf"glpat-{_ID}{{20,}}"),
    _kind("Hugging Face token", "hf_", r"(?<!\w)hf_[A-Za-z0-9]{30,}(?!\w)"),
    _kind("OpenAI key", "T3BlbkFJ", rf"sk-{_ID}*T3BlbkFJ{_ID}+"),
    _kind("Anthropic key", "sk-ant-", rf"sk-ant-{_ID}{{20,}}"),
    _kind(
        "W&B key",
        "WANDB_API_KEY wandb_v1_ wandb.login",
        r"(?:WANDB_API_KEY[\"']?\s*[=:]\s*[\"']?[0-9a-f]{40}|wandb_v1_\w{40,}|wandb\.login\([^)]*[\"'][0-9a-f]{40})",
    ),
    _kind("Slack token", "xoxa- xoxb- xoxp- xoxr- xoxs- xoxo-", rf"xox[abprso]-\d{_ID}{{10,}}"),
    _kind("Slack webhook", "hooks.slack.com/", r"hooks\.slack\.com/services/T\w+/B\w+/\w{20,}"),
    _kind("npm token", "npm_", r"(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)"),
    _kind("PyPI token", "pypi-AgE", rf"pypi-AgE{_ID}{{50,}}"),
    _kind("Stripe key", "sk_live_ rk_live_", r"[rs]k_live_[0-9A-Za-z]{20,}"),
    _kind("SendGrid key", "SG.", rf"(?<!\w)SG\.{_ID}{{22}}\.{_ID}{{43}}"),
    _kind("Vault token", "hvs. hvb.", rf"(?<!\w)hv[sb]\.{_ID}{{24,}}"),
    _kind("Databricks token", "dapi", r"(?<!\w)dapi[0-9a-f]{32}"),
    _kind("DigitalOcean token", "_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    _kind("JSON web token", "eyJ", rf"(?<!\w)eyJ{_ID}{{10,}}\.eyJ{_ID}{{10,}}\.{_ID}{{20,}}"),
)


def find_secrets(path: Path) -> list[str]:
    """Return the secrets in a file, each as `line NUMBER: KIND`, without their value.

    Args:
        path: A regular file.
    """
    if not path.stat().st_size:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") and len(data) <= _LONGEST_TEXT:
            return list(_search(data[:].decode("utf-16", "replace").encode()))
        return list(_search(data))


def is_secret(text: str) -> bool:
    """Whether a text contains something in the form of a secret."""
    return any(_search(text.encode(errors="replace")))


def _search(data: "bytes | mmap.mmap") -> Iterator[str]:
    for kind in _KINDS:
        if any(_contains(data, marker) for marker in kind.markers) and (match := kind.pattern.search(data)):
            line = data[: match.start()].count(b"\n") + 1
            yield f"line {line}: {kind.name}"


def _contains(data: "bytes | mmap.mmap", marker: bytes) -> bool:
    # Until Python 3.11.4, `find` reads one byte after its end, and a file that fills its last page has none there: the
    # process dies (https://github.com/python/cpython/issues/105235).
    return data.find(marker, 0, len(data) - 1) >= 0 or data[-len(marker) :] == marker
