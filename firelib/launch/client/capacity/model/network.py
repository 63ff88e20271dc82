"""The network between machines and to the bucket, and a ring all-reduce over it."""

from dataclasses import dataclass
from math import inf

_GBIT = 1e9 / 8
_GBIT_PER_VCPU, _MOST_GBIT = 2, 16  # what Google gives at least to machines of these families, as its page says
#: Seconds that a message between two machines of a zone takes longer than one between processes of a machine.
MACHINE_HOP = 0.0002


@dataclass(frozen=True)
class Network:
    """The network of a fleet.

    Attributes:
        latency: Seconds until the first byte of a request to the bucket arrives.
        bucket_bytes: Bytes a second of the bucket, over all machines.
        machine_bytes: Bytes a second of one machine.
    """

    latency: float
    bucket_bytes: float
    machine_bytes: float = inf

    def total(self, machines: int) -> float:
        """Bytes a second between the bucket and all machines together.

        Args:
            machines: Machines.
        """
        return min(self.bucket_bytes, self.machine_bytes * machines)


@dataclass(frozen=True)
class AllReduce:
    """The α-β model of a ring all-reduce between processes.

    Attributes:
        hop: Seconds of a message however small (α).
        bytes_per_second: Bytes a second between two neighbours of the ring (β).
    """

    hop: float
    bytes_per_second: float

    def seconds(self, workers: int, nbytes: float, machines: int = 1, network: Network | None = None) -> float:
        """Predict the seconds of an all-reduce.

        A worker sends 2 (W - 1) messages one after the other, together 2 (W - 1) / W times the bytes.

        Args:
            workers: Processes W.
            nbytes: Bytes that are summed up.
            machines: Machines that the ring spans.
            network: The network between them; None for one machine.
        """
        messages = 2 * (workers - 1)
        hop = self.hop + (MACHINE_HOP if machines > 1 else 0.0)
        link = min(self.bytes_per_second, network.machine_bytes if network and machines > 1 else inf)
        return messages * hop + messages / workers * nbytes / link


def machine_bandwidth(vcpus: int) -> float:
    """Bytes a second that a machine of Google Cloud sends at least; the real rate may be higher.

    Args:
        vcpus: Virtual cores.
    """
    return min(_GBIT_PER_VCPU * vcpus, _MOST_GBIT) * _GBIT
