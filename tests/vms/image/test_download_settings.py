"""What VMs take over from this machine's downloads, and what they do without."""

from pathlib import Path

import pytest

from firelib.vms.image.download_settings import is_local, read_download_settings, split_environment


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://pypi.example.org/simple", False),
        ("http://user:secret@mirror.example.org:8080/debian", False),
        ("proxy.example.org:3128", False),
        ("http://10.0.0.1/file:/debian", False),
        ("DIRECT", False),
        ("file:///srv/pypi/simple", True),
        ("file:/srv/debian", True),
        ("mirror+file:/etc/apt/mirrors.txt", True),
        ("cdrom:[Debian]/", True),
        ("/srv/pypi", True),
        ("http://localhost:3141/root/pypi", True),
        ("http://user:secret@127.0.0.2/simple", True),
        ("http://[::1]:3142", True),
        ("localhost:3128", True),
    ],
)
def test_an_address_of_this_machine_only(address: str, expected: bool) -> None:
    assert is_local(address) is expected


def test_variables_keep_what_vms_can_reach() -> None:
    variables = {
        "PIP_INDEX_URL": "file:///srv/pypi",
        "PIP_EXTRA_INDEX_URL": "https://one.example.org http://localhost:3141/x https://two.example.org",
        "UV_INDEX": "own=http://127.0.0.1/simple other=https://pypi.example.org/simple?key=file:///x",
        "HTTPS_PROXY": "proxy.example.org:3128",
        "NO_PROXY": "localhost,127.0.0.1",
        "HOME": "/root",
    }
    assert split_environment(variables) == (
        {
            "NO_PROXY": "localhost,127.0.0.1",
            "PIP_EXTRA_INDEX_URL": "https://one.example.org https://two.example.org",
            "UV_INDEX": "other=https://pypi.example.org/simple?key=file:///x",
            "HTTPS_PROXY": "proxy.example.org:3128",
        },
        [
            "PIP_INDEX_URL=file:///srv/pypi",
            "PIP_EXTRA_INDEX_URL=http://localhost:3141/x",
            "UV_INDEX=own=http://127.0.0.1/simple",
        ],
    )


def test_an_unknown_release_comes_from_debians_mirror() -> None:
    sources = read_download_settings("sid-of-nobody").sources
    assert sources.splitlines()[0] == "deb http://deb.debian.org/debian sid-of-nobody main"


# Stand for apt's programs, whose answers depend on the machine.
APT_GET = """#!/bin/sh
echo http://127.0.0.1:3142/debian bookworm main
echo http://mirror.example.org/debian bookworm-updates main
"""
APT_CONFIG = """#!/bin/sh
echo 'Acquire::http::Proxy "http://user:secret@localhost:3142";'
echo 'Acquire::https::Proxy "http://proxy.example.org:8080";'
echo 'Acquire::https::CaInfo "/etc/ssl/certs/ca-certificates.crt";'
"""


def test_apt_does_without_what_vms_cannot_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, program in (("apt-get", APT_GET), ("apt-config", APT_CONFIG)):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    settings = read_download_settings("bookworm")
    assert settings.sources.splitlines()[0] == "deb http://deb.debian.org/debian bookworm main"  # all of them
    assert "proxy.example.org" in settings.apt
    assert "CaInfo" in settings.apt
    assert "localhost" not in settings.apt
    assert settings.left_out[:2] == (
        "deb http://127.0.0.1:3142/debian bookworm main",
        'Acquire::http::Proxy "http://localhost:3142";',
    )
