"""The work and the machines that a plan is made for."""

from dataclasses import dataclass

from firelib.gcp.machine_types import Machine, Provisioning
from firelib.launch.client.capacity.model.network import Network


@dataclass(frozen=True)
class Workload:
    """The rows, and what training does with them.

    Attributes:
        rows: Rows of the dataset.
        train_share: Share of the training split.
        validation_share: Share of the validation split.
        epochs: Passes over the training split.
        batch_rows: Rows of a global batch.
        cpus_per_worker: Cores of each training worker.
        checkpoint_seconds: Seconds between two checkpoints.
    """

    rows: float
    train_share: float
    validation_share: float
    epochs: int
    batch_rows: int
    cpus_per_worker: float = 1.0
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class Fleet:
    """Rented machines of one type.

    Attributes:
        machine: The machine type.
        count: Machines.
        network: The network between them and to the bucket.
        provisioning: How they are rented.
        hourly: US dollars an hour for all of them; None if the price is not known.
        losses_per_hour: Preemptions of one machine an hour.
    """

    machine: Machine
    count: int
    network: Network
    provisioning: Provisioning = "on-demand"
    hourly: float | None = None
    losses_per_hour: float = 0.0

    @property
    def losses_per_second(self) -> float:
        """Preemptions of any machine."""
        return self.losses_per_hour * self.count / 3600
