"""The network of a cluster's VMs: a bridge, a tap for each VM, and address translation towards this machine's network.

Everything is named after the cluster. The bridge and the taps carry its mark as their alias, the rules as their
comment, so that nothing else is ever changed or removed.
"""

import json
import shlex
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import NamedTuple

from firelib.errors import FirelibError
from firelib.vms.plan import VmCluster, bridge_name, device_prefix
from firelib.vms.run_program import run_program

Rule = tuple[str, ...]

_REPLIES = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
_HALVES = ("0.0.0.0/1", "128.0.0.0/1")  # VPNs replace the default route by both


class Link(NamedTuple):
    """A network device of this machine.

    Attributes:
        name: Its name.
        mark: Its alias, which tells whose it is; empty if it has none.
    """

    name: str
    mark: str


def mark_of(name: str) -> str:
    """The mark of what belongs to a cluster."""
    return f"firelib:{name}"


def plan_links(cluster: VmCluster) -> dict[str, list[tuple[str, ...]]]:
    """Return the device names of a cluster, each with the arguments of `ip` that create it."""
    bridge, mark = bridge_name(cluster.name), mark_of(cluster.name)
    address = f"{cluster.qemu.gateway}/{cluster.qemu.network.prefixlen}"
    links: dict[str, list[tuple[str, ...]]] = {
        bridge: [
            ("link", "add", bridge, "type", "bridge"),
            ("link", "set", bridge, "alias", mark),
            ("address", "replace", address, "dev", bridge),
            ("link", "set", bridge, "up"),
        ]
    }
    for vm in cluster.vms:
        links[vm.tap] = [
            ("tuntap", "add", "dev", vm.tap, "mode", "tap"),
            ("link", "set", vm.tap, "alias", mark),
            ("link", "set", vm.tap, "master", bridge),
            ("link", "set", vm.tap, "up"),
        ]
    return links


def plan_rules(cluster: VmCluster) -> list[tuple[str, str, Rule]]:
    """Return the table, chain and rule of iptables for each rule of a cluster.

    Rules of iptables, since programs that drop forwarded packets (Docker, ufw) do so in its chains, where only a rule
    before theirs lets packets pass: all from the VMs, and to them only replies.
    """
    bridge, comment = bridge_name(cluster.name), ("-m", "comment", "--comment", mark_of(cluster.name))
    return [
        ("nat", "POSTROUTING", ("-s", cluster.qemu.subnet, "!", "-o", bridge, *comment, "-j", "MASQUERADE")),
        ("filter", "FORWARD", ("-i", bridge, *comment, "-j", "ACCEPT")),
        ("filter", "FORWARD", ("-o", bridge, *_REPLIES, *comment, "-j", "ACCEPT")),
    ]


def create_network(cluster: VmCluster) -> None:
    """Create what is missing of a cluster's network.

    Raises:
        FirelibError: A device with one of its names is not the cluster's, or a program failed.
    """
    planned = plan_links(cluster)
    for link in list_links():
        if link.name in planned:
            _refuse_foreign_link(link, cluster.name)
            # All but the first command can be repeated, so they complete a device whose creation was interrupted.
            for arguments in planned[link.name][1:]:
                run_program("ip", *arguments)
    for command in plan_network_changes(cluster):
        run_program(*command)


def plan_network_changes(cluster: VmCluster) -> list[tuple[str, ...]]:
    """The commands that create what is missing of a cluster's network, and replace rules of earlier versions."""
    existing = {link.name for link in list_links()}
    links = [commands for name, commands in plan_links(cluster).items() if name not in existing]
    return [*(("ip", *arguments) for commands in links for arguments in commands), *_plan_rule_changes(cluster)]


def _plan_rule_changes(cluster: VmCluster) -> Iterator[tuple[str, ...]]:
    """Add what is missing first: in between, packets of running VMs pass as before."""
    planned, present = plan_rules(cluster), list_rules(cluster.name)
    for table, chain, rule in planned:
        if not any(_is_same_rule(chain, rule, line) for line in present[table]):
            yield ("iptables", "--wait", "-t", table, "-I", chain, *rule)
    for table, lines in present.items():
        own = [(chain, rule) for other, chain, rule in planned if other == table]
        for line in lines:  # an earlier version, or an earlier qemu.subnet, may have had another rule
            if not any(_is_same_rule(chain, rule, line) for chain, rule in own):
                yield _deletion(table, line)


def remove_network(name: str) -> None:
    """Remove the devices and rules of a cluster."""
    for table, lines in list_rules(name).items():
        for line in lines:
            run_program(*_deletion(table, line))
    for link in own_links(name):
        run_program("ip", "link", "delete", link.name)


def list_links() -> list[Link]:
    """The network devices of this machine."""
    listed = json.loads(run_program("ip", "-json", "link", "show"))
    return [Link(link["ifname"], link.get("ifalias", "")) for link in listed]


def own_links(name: str) -> list[Link]:
    """The devices of a cluster.

    A device with one of its names and no mark is its own, too: its creation was interrupted before it was marked.
    """
    prefix, mark = device_prefix(name), mark_of(name)
    return [link for link in list_links() if link.mark == mark or (not link.mark and link.name.startswith(prefix))]


def list_rules(name: str) -> dict[str, list[str]]:
    """The rules of a cluster in each table, as iptables prints them."""
    return {
        table: [
            line
            for line in run_program("iptables", "--wait", "-t", table, "-S").splitlines()
            if mark_of(name) in shlex.split(line)
        ]
        for table in ("nat", "filter")
    }


def find_overlaps(cluster: VmCluster) -> Iterator[str]:
    """Yield a problem for each route of this machine into the cluster's subnet that is not the cluster's own.

    Default routes do not count, since the route to the cluster's bridge precedes them.
    """
    own = bridge_name(cluster.name)
    for route in json.loads(run_program("ip", "-json", "-4", "route", "show", "table", "all")):
        if (
            route["dst"] in ("default", *_HALVES)
            or route.get("type") in ("local", "broadcast")
            or route.get("dev") == own
        ):
            continue
        if IPv4Network(route["dst"]).overlaps(cluster.qemu.network):
            device = route.get("dev", "no device")
            yield f"qemu.subnet {cluster.qemu.subnet}: this machine routes {route['dst']} to {device}"


def _refuse_foreign_link(link: Link, name: str) -> None:
    if link.mark not in ("", mark_of(name)):
        raise FirelibError(
            f"network device {link.name} belongs to {link.mark!r}, not to {mark_of(name)!r}",
            where=f"cluster {name}",
            remedy=f"choose another cluster_name, or remove the device: ip link delete {link.name}",
        )


def _deletion(table: str, line: str) -> tuple[str, ...]:
    """The command that deletes a rule, which `line` describes as iptables prints it."""
    return ("iptables", "--wait", "-t", table, *shlex.split(line.replace("-A", "-D", 1)))


def _is_same_rule(chain: str, rule: Rule, line: str) -> bool:
    return shlex.split(line) == ["-A", chain, *rule]
