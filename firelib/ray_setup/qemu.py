"""Settings of local VMs (`provider.firelib.qemu`)."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# IPv4Network refuses bits of a host, such as 10.10.0.1/24, which would otherwise be ignored.
Subnet = Annotated[str, BeforeValidator(lambda value: str(IPv4Network(value)))]

_SHORTEST_PREFIX = 16  # names of network devices have room for the last 16 bits of an address


class Qemu(BaseModel):
    """VMs that QEMU runs on this machine, with the addresses of `head_ip` and `worker_ips`.

    Attributes:
        memory_gib: Memory of each VM, in GiB.
        cpus: CPUs of each VM.
        disk_gib: Size of the disk of each VM, in GiB; the environment and its bytecode take 6 of them.
        release: Debian release of the VMs.
        accelerator: `kvm` uses the CPU's virtualisation, `tcg` emulates a CPU, which is 10 to 20 times slower; `auto`
            uses KVM if a guest runs with it.
        subnet: Address range of the private network; its first address is that of this machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory_gib: int = Field(default=4, ge=1)
    cpus: int = Field(default=2, ge=1, le=64)
    disk_gib: int = Field(default=16, ge=4)
    release: Literal["bookworm"] = "bookworm"
    accelerator: Literal["auto", "kvm", "tcg"] = "auto"
    subnet: Subnet = "10.10.0.0/24"

    @property
    def network(self) -> IPv4Network:
        """The private network."""
        return IPv4Network(self.subnet)

    @property
    def gateway(self) -> IPv4Address:
        """Address of this machine in the private network."""
        return self.network.network_address + 1

    def find_unusable(self, addresses: Iterable[str]) -> Iterator[str]:
        """Yield a problem for each address that a VM cannot have in this network.

        Args:
            addresses: Addresses of the hosts.
        """
        if self.network.prefixlen < _SHORTEST_PREFIX:
            yield f"qemu.subnet {self.subnet}: expected at most 65,536 addresses, such as 10.10.0.0/24"
        reserved = {
            self.network.network_address: "the network's own address",
            self.network.broadcast_address: "the broadcast address",
            self.gateway: "this machine's address",
        }
        for address in map(IPv4Address, addresses):
            if address not in self.network:
                yield f"{address} is outside qemu.subnet {self.subnet}"
            elif address in reserved:
                yield f"{address} is {reserved[address]} in qemu.subnet {self.subnet}"
