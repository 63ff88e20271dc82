"""Ray Train's `TensorflowTrainer`, without the processes that a group of fixed size does not need.

Every actor of Ray Train is a process that imports `ray.train`: 3 to 4 CPU-seconds before the first step. Of Ray 2.60's
helpers these are left out:

- `AutoscalingCoordinator` asks an autoscaler for nodes. Training starts on nodes that are there (`nodes.free_places`).
- `PlacementGroupCleaner` frees the workers' resources when the controller dies. The driver does that (`Watch.release`).
- `DatasetManager` hands out shards of Ray Data's datasets. Workers open the TFRecords themselves.
- `PreemptionWatcher` tells workers that their node will go. A loss is noticed by its heartbeat and costs one restart.
"""

from collections.abc import Callable
from typing import Any

from ray.train import RunConfig, ScalingConfig
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2.tensorflow.tensorflow_trainer import TensorflowTrainer

from firelib.train.driver.tensorflow_cluster import TensorflowCluster


class FixedGroupTrainer(TensorflowTrainer):  # type: ignore[misc]  # Ray's base class is untyped
    """A `TensorflowTrainer` for a fixed number of workers.

    Args:
        train_loop: What each worker runs.
        config: Its argument.
        scaling: How many workers, and what each takes.
        run: Name and folder of the run.
        board: Actor that is told of the placement group (`Board.hold`).
    """

    def __init__(
        self,
        train_loop: Callable[..., None],
        config: dict[str, Any],
        scaling: ScalingConfig,
        run: RunConfig,
        board: Any,
    ) -> None:
        self._board = board
        # Not TensorflowTrainer's own constructor: it imports TensorFlow for its default configuration.
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
        return [*(one for one in callbacks if not isinstance(one, unused)), _HoldPlacementGroup(self._board)]

    def _initialize_and_run_controller(self, **settings: Any) -> Any:
        settings["scaling_policy"] = _FixedGroup(self.scaling_config)
        return super()._initialize_and_run_controller(**settings)


class _FixedGroup(FixedScalingPolicy):  # type: ignore[misc]  # Ray's base class is untyped
    """Asks no autoscaler."""

    def after_controller_start(self, train_run_context: Any) -> None:
        pass

    def _maybe_send_resource_request(self) -> None:
        pass


class _HoldPlacementGroup(WorkerGroupCallback):  # type: ignore[misc]  # Ray's base class is untyped
    """In the controller: tells the driver's board what the workers hold."""

    def __init__(self, board: Any) -> None:
        self._board = board

    def after_worker_group_start(self, worker_group: Any) -> None:
        handle = worker_group.get_worker_group_state().placement_group_handle
        self._board.hold.remote(handle.placement_group)
