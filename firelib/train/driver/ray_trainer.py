"""Ray Train's `TensorflowTrainer` without the helper processes that a group of fixed size does not need.

Every actor of Ray Train is a process that imports `ray.train`: 3 to 4 CPU-seconds before the first step. These helpers
of Ray 2.60 are not started:

- `AutoscalingCoordinator` asks an autoscaler for nodes. Training uses existing nodes (`wait_for_worker_slots`).
- `PlacementGroupCleaner` frees the workers' resources when the controller dies. The driver does that
  (`Monitor.remove_placement_groups`).
- `DatasetManager` splits the datasets of Ray Data. Workers open the TFRecords themselves.
- `PreemptionWatcher` warns workers that their node will go. The heartbeats reveal a lost node, at the cost of one
  restart.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ray.train import RunConfig, ScalingConfig
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2.tensorflow.tensorflow_trainer import TensorflowTrainer
from ray.util.placement_group import PlacementGroup, remove_placement_group

from firelib.train.driver.tensorflow_cluster import TensorflowCluster


class FixedGroupTrainer(TensorflowTrainer):  # type: ignore[misc]  # Ray's base class is untyped
    """A `TensorflowTrainer` for a fixed number of workers.

    Args:
        train_loop: Function that each worker runs.
        config: Its argument.
        scaling: Number of workers, and the resources of each.
        run: Name and folder of the run.
        board: Handle of the progress actor, which records the placement group.
        reserved: Placement groups that hold the workers' slots until the controller asks for them.
    """

    def __init__(
        self,
        train_loop: Callable[..., None],
        config: dict[str, Any],
        scaling: ScalingConfig,
        run: RunConfig,
        board: Any,
        reserved: Sequence[PlacementGroup],
    ) -> None:
        self._board, self._reserved = board, reserved
        # Skips TensorflowTrainer's own constructor, which imports TensorFlow for its default configuration.
        super(TensorflowTrainer, self).__init__(
            train_loop,
            train_loop_config=config,
            backend_config=TensorflowCluster(),
            scaling_config=scaling,
            run_config=run,
        )

    def _create_default_callbacks(self) -> list[Any]:
        unused = (DatasetsCallback, PlacementGroupCleanerCallback)
        callbacks = super()._create_default_callbacks()
        used = [one for one in callbacks if not isinstance(one, unused)]
        return [*used, _FreeReservedSlots(self._reserved), _RecordPlacementGroup(self._board)]

    def _initialize_and_run_controller(self, **settings: Any) -> Any:
        settings["scaling_policy"] = _FixedGroup(self.scaling_config)
        return super()._initialize_and_run_controller(**settings)


class _FixedGroup(FixedScalingPolicy):  # type: ignore[misc]  # Ray's base class is untyped
    """Sends no requests to an autoscaler."""

    def after_controller_start(self, train_run_context: Any) -> None:
        pass

    def _maybe_send_resource_request(self) -> None:
        pass


class _FreeReservedSlots(WorkerGroupCallback):  # type: ignore[misc]  # Ray's base class is untyped
    """Runs in the train controller, and frees the reserved slots directly before Ray Train asks for them."""

    def __init__(self, reserved: Sequence[PlacementGroup]) -> None:
        self._reserved = reserved

    def before_worker_group_start(self, worker_group_context: Any) -> None:  # noqa: ARG002  Ray's signature
        for group in self._reserved:
            remove_placement_group(group)


class _RecordPlacementGroup(WorkerGroupCallback):  # type: ignore[misc]  # Ray's base class is untyped
    """Runs in the train controller, and records the workers' placement group on the progress board."""

    def __init__(self, board: Any) -> None:
        self._board = board

    def after_worker_group_start(self, worker_group: Any) -> None:
        handle = worker_group.get_worker_group_state().placement_group_handle
        self._board.add_placement_group.remote(handle.placement_group)
