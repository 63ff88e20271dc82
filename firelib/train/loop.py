"""The training program, as it runs on each worker: a loop of our own over global batches.

Keras' `fit` fails or loses data in silence under `MultiWorkerMirroredStrategy`; this loop does neither. Global batch
*s* holds the same rows for every number of workers, the loss is the mean over the true global batch, and gradients
are summed over the workers by the optimizer, so all numbers of workers follow one loss curve.
"""

import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.tfrecord.order import EpochOrder
from firelib.tfrecord.reader import open_dataset
from firelib.train import checkpoints
from firelib.train.checkpoints import TrainingProgress
from firelib.train.export import export, weights_sha256
from firelib.train.job import TrainingJob
from firelib.train.live import Standing
from firelib.train.tracking import start_tracker

_SHOW_SECONDS = 0.5


def train_loop(config: Mapping[str, Any]) -> None:
    """Entry point of a Ray Train worker."""
    import ray.train
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before any other op: collectives are set up here
    context = ray.train.get_context()
    worker = TrainingWorker(config["job"], strategy, context.get_world_rank(), context.get_world_size())
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            worker.restore(Path(folder))
    worker.run()


class TrainingWorker:
    """One worker's part of a run."""

    def __init__(self, job: TrainingJob, strategy: Any, rank: int, world_size: int) -> None:
        import keras

        self._job, self._strategy, self._rank, self._world = job, strategy, rank, world_size
        self._dataset = open_dataset(job.manifest)
        self._progress = TrainingProgress()
        keras.utils.set_random_seed(job.params.train.seed)  # the same initial weights on every worker
        with strategy.scope():
            self._model = self._build()
            self._model.optimizer.build(self._model.trainable_variables)

    def run(self) -> None:
        """Train to the end, reporting after every epoch; rank 0 exports the model."""
        job = self._job
        tracker = start_tracker(job, self._rank, job.params.model_dump(mode="json"), self._progress.tracking_id)
        self._progress.tracking_id = tracker.id
        while self._progress.epoch < job.params.train.epochs:
            first = self._progress.step
            self._train_epoch()
            metrics = self._validate()
            self._progress.epoch += 1
            self._progress.validation.append({"epoch": self._progress.epoch, **metrics})
            for step, loss in enumerate(self._progress.losses[first:], first + 1):
                tracker.log(step, {"loss": loss})
            tracker.log(self._progress.step, {"epoch": self._progress.epoch, **metrics})
            self._refuse_drift()
            self._checkpoint()
        if self._rank == 0:
            export(self._trained(), job.export_uri)
        tracker.finish(self._progress.validation[-1])

    def restore(self, folder: Path) -> None:
        """Go on where a checkpoint stands."""
        values, self._progress = checkpoints.load(folder)
        checkpoints.restore(self._variables, values, str(folder))

    @property
    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def _build(self) -> Any:
        features = self._dataset.manifest.fitted
        try:
            model = self._job.recipe.build_model(features, self._job.model_params)
        except Exception as error:  # the recipe is the user's code: any error in it is one to report, not to repeat
            raise FirelibError(
                f"build_model failed: {type(error).__name__}: {error}",
                where=f"recipe {self._job.recipe.name!r}, model parameters {dict(self._job.model_params)}",
                remedy="correct the recipe or section `model` of params.yaml",
            ) from error
        if getattr(model, "optimizer", None) is None:
            raise FirelibError(
                "build_model returned a model that is not compiled",
                where=f"recipe {self._job.recipe.name!r}",
                remedy="model.compile(optimizer=…, loss=…, metrics=[…]) before you return it",
            )
        return model

    @cached_property
    def _plain(self) -> Any:
        """The model outside of the strategy: for metrics over all rows, and to export."""
        return self._build()

    def _trained(self) -> Any:
        self._plain.set_weights(self._model.get_weights())
        return self._plain

    def _train_epoch(self) -> None:
        train = self._job.params.train
        order = EpochOrder(self._dataset.rows("train"), train.global_batch_size, train.seed, self._progress.epoch)
        shown = started = time.monotonic()
        for done, batch in enumerate(self._batches("train", train.seed, self._progress.epoch), 1):
            loss = float(self._train_step(*batch))
            self._progress.step += 1
            if not math.isfinite(loss):
                raise FirelibError(
                    f"the loss is {loss} at step {self._progress.step}",
                    where=f"epoch {self._progress.epoch + 1}, run {self._job.run_id}",
                    remedy="a smaller train.lr; the last checkpoint is kept",
                )
            self._progress.losses.append(loss)
            now = time.monotonic()
            if now - shown > _SHOW_SECONDS or done == order.steps:
                shown = now
                self._show(order.steps, done * train.global_batch_size / (now - started), loss)

    def _batches(self, split: str, seed: int | None, epoch: int = 0) -> Any:
        return self._dataset.as_tf(
            self._job.params.train.global_batch_size,
            split,
            world_size=self._world,
            rank=self._rank,
            seed=seed,
            epoch=epoch,
            pad_last=True,
        )

    @cached_property
    def _train_step(self) -> Callable[..., Any]:
        import tensorflow as tf

        model, loss_of = self._model, _loss_per_row(self._model)

        def replica_step(features: Any, label: Any, weight: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(loss_of(label, model(features, training=True)) * weight)
                if model.losses:  # regularisation: each worker adds its part
                    loss += tf.add_n(model.losses) / self._world
            gradients = tape.gradient(loss, model.trainable_variables)
            model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return loss

        @tf.function  # type: ignore[untyped-decorator]  # TensorFlow is untyped
        def step(features: Any, label: Any, weight: Any) -> Any:
            losses = self._strategy.run(replica_step, args=(features, label, weight))
            return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

        return step  # type: ignore[no-any-return]

    @cached_property
    def _predict_step(self) -> Callable[..., Any]:
        import tensorflow as tf

        return tf.function(lambda features: self._model(features, training=False))  # type: ignore[no-any-return]

    def _validate(self) -> dict[str, float]:
        """Loss and compiled metrics over the whole validation split: computed once on all rows, not averaged."""
        parts = [
            (self._predict_step(features).numpy(), label.numpy(), weight.numpy())
            for features, label, weight in self._batches("validation", None)
        ]
        predictions, labels, weights = (self._gather(np.concatenate(column)) for column in zip(*parts, strict=True))
        real = weights > 0
        return _metrics(self._plain, labels[real], predictions[real])

    def _gather(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Every worker's rows, one after the other, on every worker."""
        import tensorflow as tf

        @tf.function  # type: ignore[untyped-decorator]  # TensorFlow is untyped
        def gather(mine: Any) -> Any:
            return self._strategy.gather(self._strategy.run(tf.identity, args=(mine,)), axis=0)

        gathered: npt.NDArray[Any] = gather(tf.constant(values)).numpy()
        return gathered

    def _refuse_drift(self) -> None:
        """Workers whose weights differ would go on in silence; the run would be worth nothing."""
        mine = weights_sha256(self._model)
        everyone = {row.tobytes() for row in self._gather(np.frombuffer(bytes.fromhex(mine), np.int32)[None])}
        if len(everyone) > 1:
            raise FirelibError(
                f"the weights differ between workers after step {self._progress.step}",
                where=f"run {self._job.run_id}",
                remedy="a layer keeps state of its own on each worker: make it stateless or synchronised",
            )

    def _checkpoint(self) -> None:
        """Report to Ray Train; rank 0 hands over the checkpoint."""
        import ray.train

        metrics = {"step": self._progress.step, **self._progress.validation[-1]}
        if self._rank != 0:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory() as folder:
            checkpoints.save(Path(folder), self._variables, self._progress)
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))

    def _show(self, steps: int, rows_per_second: float, loss: float) -> None:
        if self._rank != 0 or self._job.live is None:
            return
        epochs = self._job.params.train.epochs
        standing = Standing(0, epochs, self._progress.step, steps * epochs, rows_per_second, loss)
        self._job.live.put.remote(replace(standing, epoch=self._progress.epoch + 1))


def _loss_per_row(model: Any) -> Callable[[Any, Any], Any]:
    """The compiled loss without its mean: (label [rows, …], prediction) → [rows]."""
    import keras

    loss = keras.losses.get(model.loss)
    per_row = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def loss_of(label: Any, prediction: Any) -> Any:
        return per_row(_like(label, prediction), prediction)

    return loss_of


def _like(label: Any, prediction: Any) -> Any:
    """Scalar labels as [rows, 1] beside predictions of that shape."""
    if len(label.shape) == len(prediction.shape) - 1 and prediction.shape[-1] == 1:
        return label[..., None]
    return label


def _metrics(model: Any, labels: npt.NDArray[Any], predictions: npt.NDArray[Any]) -> dict[str, float]:
    """Loss and compiled metrics of predictions."""
    import keras

    loss = keras.ops.mean(_loss_per_row(model)(labels, predictions))
    model.reset_metrics()
    results = model.compute_metrics(None, _like(labels, predictions), predictions)
    named = {f"val_{name.lower()}": float(value) for name, value in results.items() if name != "loss"}
    return {"val_loss": float(loss), **named}
