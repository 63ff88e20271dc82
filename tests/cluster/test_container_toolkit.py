"""NVIDIA's container toolkit on a real host, from an archive of the same form with a stand-in of the package.

No test machine has a GPU, so what is seen here is what Debian's apt makes of the archive and the key, what is written,
and that a second run changes nothing. What the real `nvidia-ctk` writes is not.
"""

from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.lab import Lab, address, lab
from tests.engine import Engine

pytestmark = pytest.mark.containers

_ARCHIVE = r"""
set -e
apt-get update -qq
apt-get install -qq --yes --no-install-recommends apt-utils gnupg python3
mkdir -p /srv/nvidia/stable/deb/amd64 /stand-in/DEBIAN /stand-in/usr/bin /etc/docker
cat > /stand-in/DEBIAN/control <<'EOF'
Package: nvidia-container-toolkit
Version: 1
Architecture: all
Maintainer: nobody <nobody@localhost>
Description: stand-in
EOF
cat > /stand-in/usr/bin/nvidia-ctk <<'EOF'
#!/bin/sh
test "$*" = "runtime configure --runtime=docker"
echo '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}' > /etc/docker/daemon.json
EOF
chmod 755 /stand-in/usr/bin/nvidia-ctk
cd /srv/nvidia/stable/deb/amd64
dpkg-deb --build /stand-in .
apt-ftparchive packages . > Packages
apt-ftparchive release . > Release
gpg --quiet --batch --passphrase '' --quick-generate-key lab
gpg --quiet --batch --clearsign --output InRelease Release
gpg --armor --export > /srv/nvidia/gpgkey
"""
_ROLE = {"name": "gpu", "tasks_from": "container_toolkit"}
_SETTINGS = {"gpu_toolkit_archive": "file:///srv/nvidia"}
_PLAYBOOK = [
    {
        "hosts": "cluster_hosts",
        "become": True,
        "tasks": [{"ansible.builtin.include_role": _ROLE, "vars": _SETTINGS}],
    }
]


@pytest.fixture
def hosts(engine: Engine) -> Iterator[Lab]:
    with lab(engine, packages=False) as made:
        made.write_cluster(made.add_host("only", 10), [])
        engine.docker("exec", "only", "bash", "-c", _ARCHIVE)
        yield made


def play(hosts: Lab, *options: str) -> str:
    playbook = hosts.folder / "toolkit.yml"
    playbook.write_text(yaml.safe_dump(_PLAYBOOK))
    return hosts.run("ansible-playbook", "-i", str(hosts.cluster_file), str(playbook), *options)


def test_toolkit_is_installed_once_and_docker_knows_it(hosts: Lab) -> None:
    assert "failed=0" in play(hosts, "--check")
    assert "No such file" in hosts.on(address(10), "cat /etc/docker/daemon.json 2>&1", check=False)
    play(hosts)
    assert "nvidia-container-runtime" in hosts.on(address(10), "cat /etc/docker/daemon.json")
    assert "changed=0" in play(hosts)
