"""Training by Ray Train's own elastic policy, with a checkpoint after each epoch, as its documentation shows.

    python -m benchmarks.peers.ray_train FOLDER

The model, the batches and the number of workers are those of the project in FOLDER. Keras' `fit` fails under
`MultiWorkerMirroredStrategy`, so the epoch is a loop of compiled steps. A restart begins with the epoch after the last
checkpoint, which is all that the documentation offers. The driver resumes if it is started again with the same folder.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.elastic.recipe import Steps
from firelib.config import load_params
from firelib.ray_setup.loopback import on_loopback
from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.worker.devices import build_worker_environment

_GROW_SECONDS = 5.0  # the default is 60; firelib looks for more slots as often


def main(folder: Path) -> None:
    import ray

    with on_loopback():
        ray.init(log_to_driver=False)
        _fit(folder)


def _fit(folder: Path) -> None:
    from ray.train import CheckpointConfig, RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer
    from ray.train.v2.api.config import FailureConfig

    params = load_params(folder / "params.yaml").train
    config = {"folder": str(folder), "batch": params.global_batch_size, "epochs": params.epochs, "lr": params.lr}
    TensorflowTrainer(
        train_loop,
        train_loop_config={**config, "seed": params.seed},
        scaling_config=ScalingConfig(num_workers=(1, params.workers), elastic_resize_monitor_interval_s=_GROW_SECONDS),
        run_config=RunConfig(
            name="steps",
            storage_path=str(folder / "ray"),
            failure_config=FailureConfig(max_failures=-1),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            worker_runtime_env={"env_vars": build_worker_environment(1, on_gpu=False)},
        ),
    ).fit()


def train_loop(config: Mapping[str, Any]) -> None:
    """Train as one worker, from the epoch after the last checkpoint."""
    import keras
    import ray.train
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    context = ray.train.get_context()
    rank, world_size = context.get_world_rank(), context.get_world_size()
    dataset = open_dataset(f"{config['folder']}/data/{Steps.name}/tfrecords")
    keras.utils.set_random_seed(config["seed"])
    with strategy.scope():
        model = _build_model(config)
        model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    progress = _restore(variables)
    train_step = _compile_step(strategy, model)
    for epoch in range(progress["epoch"], config["epochs"]):
        batches = dataset.as_tf(
            config["batch"], rank=rank, world_size=world_size, seed=config["seed"], epoch=epoch, pad_last=True
        )
        loss = 0.0
        for features, label, weights in batches:
            loss = float(train_step(features, label, weights))
            progress["step"] += 1
        progress["epoch"] = epoch + 1
        _report(variables, progress, loss, rank)


def _build_model(config: Mapping[str, Any]) -> Any:
    manifest = open_dataset(f"{config['folder']}/data/{Steps.name}/tfrecords").manifest
    own = {**Steps.parameters, "log": f"{config['folder']}/log", "lr": config["lr"]}
    return Steps().build_model(manifest.fitted, own)


def _compile_step(strategy: Any, model: Any) -> Any:
    import keras
    import tensorflow as tf

    row_loss = keras.losses.BinaryCrossentropy(reduction=None)

    def train(features: Any, label: Any, weights: Any) -> Any:
        with tf.GradientTape() as tape:
            losses = row_loss(label[:, None], model(features, training=True))
            loss = tf.reduce_sum(losses * weights)  # weights are 1 / (rows of the global batch)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))  # sums over workers
        return loss

    return tf.function(lambda *batch: strategy.run(train, args=batch))


def _restore(variables: list[Any]) -> dict[str, int]:
    import ray.train

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return {"epoch": 0, "step": 0}
    with checkpoint.as_directory() as folder, np.load(Path(folder, "state.npz")) as state:
        for variable, name in zip(variables, state.files, strict=True):
            variable.assign(state[name])
        progress: dict[str, int] = json.loads(Path(folder, "progress.json").read_text())
        return progress


def _report(variables: list[Any], progress: Mapping[str, int], loss: float, rank: int) -> None:
    import ray.train

    if rank:
        ray.train.report({"loss": loss})
        return
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "state.npz"), *(variable.numpy() for variable in variables))
        Path(folder, "progress.json").write_text(json.dumps(progress))
        ray.train.report({"loss": loss}, checkpoint=ray.train.Checkpoint.from_directory(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
