"""Each role has a scenario, which the shared playbooks reach by the role's name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.scenarios import AFTER_TEARDOWN, ROLES
from tests.project import ROOT

ANSIBLE = ROOT / "ansible"


def read(path: Path) -> list[dict[str, Any]]:
    plays: list[dict[str, Any]] = yaml.safe_load(path.read_text())
    return plays


def test_shared_playbook_verifies_each_role_by_its_tag() -> None:
    verified = {}
    for entry in read(ANSIBLE / "molecule" / "verify.yml"):
        (play,) = read(ANSIBLE / "molecule" / entry["ansible.builtin.import_playbook"])
        verified[play["name"].removeprefix("Verify role ")] = entry["tags"]
    assert verified == {role: [role] if role != AFTER_TEARDOWN else ["never", role] for role in ROLES}


@pytest.mark.parametrize("playbook", ["setup.yml", "machines.yml"])
def test_tag_of_a_role_converges_it(playbook: str) -> None:
    for play in read(ANSIBLE / playbook):
        for role in play.get("roles", []):
            tags = {*play["tags"], *role.get("tags", [])}
            assert tags & {role["role"], "always"}, f"{playbook}: {role['role']}"


def test_everything_that_changes_hosts_is_locked() -> None:
    """Also if a tag selects a single role."""
    plays = {play["name"]: play for play in read(ANSIBLE / "setup.yml")}
    tags = {tag for role in plays["Configure the hosts"]["roles"] for tag in role["tags"]}
    for name in ("Lock the cluster", "Unlock the cluster"):
        assert {"configure", *tags} <= set(plays[name]["tags"])
        assert [role["role"] for role in plays[name]["roles"]] == ["setup_lock"]
    for playbook in ("stop.yml", "teardown.yml"):
        first = next(play for play in read(ANSIBLE / playbook) if play["hosts"] == "cluster_hosts")
        assert [role["role"] for role in first["roles"]] == ["setup_lock"]
        assert first.get("tags", ["always"]) == ["always"]
