"""A tunnel that really forwards, over a stand-in of ssh on this machine."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from firelib.cluster import tunnel as tunnels
from firelib.cluster.head_api import read_nodes
from firelib.cluster.ssh import HostUnreachableError
from firelib.cluster.tunnel import SCHEME, make_absolute, open_tunnel, resolve_address
from tests.cluster.stand_ins import HEAD, Dashboard, FakeSsh, cluster
from tests.errors import refused
from tests.patience import patience, wait_until
from tests.project import ROOT

FILE = ROOT / "cluster" / "cluster.yaml"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_dashboard_is_on_loopback_while_the_tunnel_is_open(ssh: FakeSsh, head: Dashboard) -> None:
    head.alive = [HEAD]
    with open_tunnel(cluster()) as tunnel:
        assert tunnel.url.startswith("http://127.0.0.1:")
        assert [node.address for node in read_nodes(tunnel.url)] == [HEAD]
    assert not listens(tunnel.port)
    [call] = ssh.calls
    assert f"127.0.0.1:{tunnel.port}:{HEAD}:8265" in call
    assert "ExitOnForwardFailure=yes" in call


def test_a_head_that_refuses_is_named(ssh: FakeSsh) -> None:
    ssh.refuse(head="Permission denied (publickey).")
    with refused(where=HEAD, remedy="auth.ssh_private_key", kind=HostUnreachableError), open_tunnel(cluster()):
        pass


def test_a_taken_port_is_refused_before_ssh_starts(ssh: FakeSsh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with refused(what=port, where="127.0.0.1", remedy="--port"), open_tunnel(cluster(), port):
            pass
    assert ssh.calls == []


def test_a_program_that_takes_the_port_first_is_not_taken_for_the_tunnel(
    ssh: FakeSsh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would get the token."""
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        monkeypatch.setattr(tunnels, "_find_free_port", lambda: foreign.getsockname()[1])
        with refused(where=HEAD, kind=HostUnreachableError), open_tunnel(cluster()):
            pass
    assert len(ssh.calls) == 1


def test_a_tunnel_outlives_any_number_of_refused_connections(
    ssh: FakeSsh, head: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a browser polls the dashboard while Ray is down."""
    monkeypatch.setenv("FAKE_SSH_DASHBOARD", "127.0.0.1:1")
    with open_tunnel(cluster()) as tunnel:
        for _ in range(1500):  # 100 KiB of complaints: more than a pipe holds
            with socket.create_connection(("127.0.0.1", tunnel.port), timeout=patience(10)) as browser:
                assert browser.recv(1) == b""


def test_what_the_heads_shell_prints_at_the_login_is_skipped(
    ssh: FakeSsh, head: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tunnels._argv
    monkeypatch.setattr(tunnels, "_argv", lambda *given: [*real(*given)[:-1], "echo Welcome; cat"])
    head.alive = [HEAD]
    with open_tunnel(cluster()) as tunnel:
        assert [node.address for node in read_nodes(tunnel.url)] == [HEAD]


def test_a_lost_connection_is_an_error(ssh: FakeSsh) -> None:
    with open_tunnel(cluster()) as tunnel:
        tunnel._process.terminate()
        with refused(where=HEAD, kind=HostUnreachableError):
            tunnel.wait()


@pytest.fixture
def forgotten() -> None:
    """No tunnel of an earlier test in this process."""
    tunnels._tunnels.clear()


@pytest.mark.usefixtures("forgotten")
def test_an_address_of_a_cluster_file_is_a_tunnel_that_is_opened_again_after_a_loss(
    ssh: FakeSsh, head: Dashboard
) -> None:
    head.alive = [HEAD]
    address = f"{SCHEME}{FILE}"
    first = resolve_address(address)
    assert resolve_address(address) == first
    lost = tunnels._tunnels[str(FILE)]
    lost.close()
    second = resolve_address(address)
    assert [node.address for node in read_nodes(second)] == [HEAD]
    assert len(ssh.calls) == 2
    tunnels._tunnels[str(FILE)].close()


def test_addresses_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_absolute("cluster:mine.yaml") == f"cluster:{tmp_path}/mine.yaml"
    assert make_absolute("https://head:8265") == "https://head:8265"


PROGRAM = """
import sys, time
from firelib.cluster.tunnel import Tunnel
from tests.cluster.stand_ins import cluster
print(Tunnel(cluster()).port, flush=True)
time.sleep(600)
"""


def test_ssh_ends_with_a_killed_process(ssh: FakeSsh) -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert listens(port)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(patience(10))
        wait_until(lambda: not listens(port), 10, "the tunnel ends with its process")


def test_the_token_is_in_no_command_line(ssh: FakeSsh, head: Dashboard, tmp_path: Path) -> None:
    token = (tmp_path / "home" / ".ray" / "auth_token").read_text()
    with open_tunnel(cluster()) as tunnel:
        read_nodes(tunnel.url)
        shown = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(token.encode() in words for words in shown)
    assert token not in yaml.safe_dump(ssh.calls)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(tunnel.url, timeout=5)
