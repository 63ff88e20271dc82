"""Reserve worker slots for the next attempt, so that nobody else on the Ray cluster takes them meanwhile."""

from contextlib import suppress
from types import TracebackType
from typing import Self

from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from firelib.train.driver.resources import WorkerResources


class SlotReservation:
    """Worker slots that this driver reserves as placement groups.

    Ray creates one placement group after the other: of several drivers that want the same free slot, exactly one gets
    it. A driver's groups also end with the driver.

    As a context manager, it releases everything at the end of the block.

    Args:
        resources: Resources of one worker.

    Attributes:
        slots: Number of slots that are reserved now.
    """

    def __init__(self, resources: WorkerResources) -> None:
        self._resources = resources
        self._groups: list[PlacementGroup] = []
        self.slots = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def reserve(self, slots: int, seconds: float) -> bool:
        """Reserve more slots: all of them, or none.

        Args:
            slots: How many more.
            seconds: Timeout.

        Returns:
            Whether they are reserved.
        """
        group = placement_group([self._resources.by_name] * slots)
        is_ready = False
        try:
            is_ready = bool(group.wait(seconds))
        finally:
            if not is_ready:
                remove_placement_group(group)
        if is_ready:
            self._groups.append(group)
            self.slots += slots
        return is_ready

    def hand_over(self) -> list[PlacementGroup]:
        """Return the placement groups, which the next attempt removes when it asks for its own slots."""
        self.slots = 0
        return list(self._groups)

    def release(self) -> None:
        """Release the slots. Groups that an attempt has removed already do no harm."""
        self.slots = 0
        with suppress(RayError):  # a lost Ray has no slots, and its loss is reported elsewhere
            while self._groups:
                remove_placement_group(self._groups.pop())
