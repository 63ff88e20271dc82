"""Workers that train together, and the machines that they run on."""

from dataclasses import dataclass

from firelib.launch.client.capacity.model.network import Network


@dataclass(frozen=True)
class Group:
    """Workers that train together.

    Attributes:
        machines: Machines.
        per_machine: Workers on each of them.
        batch_rows: Rows of a global batch.
        network: The network to the bucket, and between the machines.
    """

    machines: int
    per_machine: int
    batch_rows: int
    network: Network

    @property
    def workers(self) -> int:
        """All workers."""
        return self.machines * self.per_machine
