"""The training program, as it runs on each worker: a loop of our own over global batches.

Keras' `fit` fails or loses data in silence under `MultiWorkerMirroredStrategy`; this loop does neither. Global batch
*s* holds the same rows for every number of workers, the loss is the mean over the true global batch, and gradients
are summed over the workers before the optimizer sees them, so all numbers of workers follow one loss curve.
"""

import time
from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.checkpointer import Checkpointer, Report
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.export import export
from firelib.train.progress_actor import Standing
from firelib.train.run_spec import TrainingJob
from firelib.train.timing import Meter
from firelib.train.tracking.tracker import Journal, start_tracker
from firelib.train.worker.callbacks import Callbacks
from firelib.train.worker.devices import require_own_device
from firelib.train.worker.early_stopping import judge
from firelib.train.worker.heartbeat import Heartbeat
from firelib.train.worker.input_pipeline import Feed
from firelib.train.worker.model_builder import build_model
from firelib.train.worker.optimizer import prepare
from firelib.train.worker.profiling import Profiler
from firelib.train.worker.ray_report import report
from firelib.train.worker.train_step import TrainStep
from firelib.train.worker.validation_loop import Validation

_SHOW_SECONDS = 0.5


def run_worker(job: TrainingJob, rank: int, world_size: int) -> None:
    """Train as one worker of a group; TensorFlow is imported, no op has run.

    Args:
        job: What to train.
        rank: This worker.
        world_size: Number of workers.
    """
    import tensorflow as tf

    heartbeat = Heartbeat(job.live, rank)
    heartbeat.arrive()
    # Before any other op: collectives are set up here. It waits for all workers, and no thread runs meanwhile.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    require_own_device(strategy, world_size, job.on_gpu)
    with heartbeat:
        worker = TrainingWorker(job, strategy, heartbeat, rank, world_size, report)
        job.live.phase.remote(rank, "compiling the first step")
        worker.run()


class TrainingWorker:
    """One worker's part of a run.

    Args:
        job: What to train.
        strategy: A `MultiWorkerMirroredStrategy` over all workers.
        heartbeat: Shows signs of life, and says whether to stop.
        rank: This worker.
        world_size: Number of workers.
        report: Joins all workers in a word to Ray Train.
    """

    def __init__(
        self, job: TrainingJob, strategy: Any, heartbeat: Heartbeat, rank: int, world_size: int, report: Report
    ) -> None:
        import keras

        self._job, self._heartbeat, self._rank, self._shown = job, heartbeat, rank, 0.0
        self._settings = settings = job.params.train
        self._progress = TrainingProgress(seed=settings.seed)
        self._meter, self._store = Meter(job.started), CheckpointStore(job.run_uri)
        dataset = open_dataset(job.manifest)
        self._feed = Feed(dataset, settings, rank, world_size)
        self._checkpointer = Checkpointer(self._store, settings.checkpoint, rank == 0, self._meter, report)
        self._report = report
        folder = job.tensorboard_folder if job.profile and rank == 0 else None
        self._profiler = Profiler(folder, heartbeat.say)
        keras.config.set_dtype_policy("float32")
        keras.utils.set_random_seed(settings.seed)  # the same initial weights on every worker
        self._plain = build_model(job, dataset.manifest)  # outside of the strategy: for metrics, and to export
        keras.utils.set_random_seed(settings.seed)
        keras.config.set_dtype_policy(settings.precision)
        with strategy.scope():
            self._model = build_model(job, dataset.manifest)
            if settings.precision == "float64":  # numbers drawn in float64 are others
                self._model.set_weights(self._plain.get_weights())
            prepare(self._model.optimizer, settings, self._feed.steps * settings.epochs)
            self._model.optimizer.build(self._model.trainable_variables)
        self._callbacks = self._recipe_callbacks()
        self._step = TrainStep(strategy, self._model, dataset.unpack, settings, world_size, job.class_weights)
        self._validation = Validation(strategy, self._model, self._plain, heartbeat.move)

    def run(self) -> None:
        """Train to the end, or until told to stop; rank 0 exports the model."""
        self._restore()
        tracker = start_tracker(self._job, self._rank, self._progress.tracking_id, self._heartbeat.say)
        self._progress.tracking_id = tracker.id
        self._journal = Journal(tracker, self._job, self._feed.steps)
        stopped = False
        while not self._is_over and not stopped:
            stopped = self._train_epoch()
            if not stopped:
                self._end_epoch()
        self._profiler.finish()
        self._checkpointer.finish()
        self._journal.log_until(self._checkpointer.committed, self._progress)
        if not stopped:
            self._finish()
        last = self._progress.validation[-1] if self._progress.validation else {}
        figures = {**last, **self._meter.summary(), **self._job.restarts}
        tracker.finish(figures, None if stopped else self._job.export_uri)
        self._report({"stopped": float(stopped), **self._meter.summary()}, self._store.uri(self._progress.step))

    @property
    def _is_over(self) -> bool:
        return self._progress.stopped_early or self._progress.epoch >= self._settings.epochs

    def _restore(self) -> None:
        """Go on where the newest checkpoint stands, if there is one."""
        if self._job.resume is None:
            self._callbacks.train_begin([])
        else:
            uri = self._store.uri(self._job.resume)
            values, self._progress = serialization.load(uri)
            self._callbacks.train_begin(self._progress.validation)
            serialization.restore(self._variables, values, uri)
            self._checkpointer.committed = self._job.resume
        self._progress.starts.append(self._progress.step)

    @property
    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def _recipe_callbacks(self) -> Callbacks:
        given = list(self._job.recipe.callbacks(self._job.model_params))
        scheduled = self._settings.schedule.kind != "constant" or self._settings.schedule.warmup_steps > 0
        return Callbacks(given, self._model, self._settings.epochs, scheduled)

    def _train_epoch(self) -> bool:
        """Train what is left of the epoch; whether the workers were told to stop."""
        if self._progress.position == 0:
            self._callbacks.epoch_begin(self._progress.epoch)
        for batches in self._feed.training(self._progress.epoch, self._progress.position):
            before = self._progress.step
            stop, timed = self._train_steps(batches)
            due = timed or self._checkpointer.is_due_by_steps(before, self._progress.step)
            if stop or (due and self._progress.position < self._feed.steps):  # at the epoch's end it is saved anyway
                self._checkpointer.save(self._variables, self._progress, tell=timed)
            if stop:
                return True
            self._journal.log_until(self._checkpointer.poll(), self._progress)
        return False

    def _train_steps(self, batches: Any) -> tuple[bool, bool]:
        """Train one call's steps; whether to stop, and whether it is time to save: the same on every worker."""
        votes = (self._heartbeat.stop_wanted, self._checkpointer.is_due_by_time)
        begun = time.perf_counter()
        trained = self._step(batches, votes)
        seconds, losses, (stop, timed) = time.perf_counter() - begun, trained.losses, trained.wanted
        self._refuse_not_finite(losses)
        self._progress.losses += [float(loss) for loss in losses]
        self._progress.step += len(losses)
        self._progress.position += len(losses)
        self._heartbeat.move()
        rows = len(losses) * self._settings.global_batch_size
        self._meter.trained(seconds - trained.waited, trained.waited, len(losses), rows)
        self._profiler.trained(len(losses))
        self._show()
        return bool(stop), bool(timed)

    def _end_epoch(self) -> None:
        """Validate, judge, compare the workers, save."""
        with self._meter.time("validation"):
            metrics = self._validation.metrics(self._feed.validation())
        progress = self._progress
        loss = float(np.mean(progress.losses[-progress.position :]))
        self._callbacks.epoch_end(progress.epoch, {"loss": loss, **metrics})
        progress.epoch += 1
        progress.position = 0
        progress.validation.append({"epoch": progress.epoch, **metrics})
        if self._rank == 0 and self._job.validations is not None:
            self._job.validations.put(progress.validation[-1])
        judge(progress, self._settings.early_stopping)
        progress.stopped_early |= self._callbacks.want_to_stop
        self._validation.refuse_drift(progress.step, self._job.run_id)
        self._checkpointer.save(self._variables, progress)

    def _finish(self) -> None:
        """Leave the finished model where the driver takes it from."""
        self._callbacks.train_end()
        settings, best = self._settings.early_stopping, self._progress.best
        if settings.patience is not None and settings.restore_best and best:
            uri = self._store.uri(best.step)
            serialization.restore(self._variables, serialization.load(uri)[0], uri)
        if self._rank == 0:
            self._plain.set_weights(self._model.get_weights())
            export(self._plain, self._job.export_uri)

    def _refuse_not_finite(self, losses: Any) -> None:
        bad = np.flatnonzero(~np.isfinite(losses))
        if not len(bad):
            return
        ahead, epoch = int(bad[0]), self._progress.epoch
        rows = ", ".join(map(str, self._feed.rows_of(epoch, self._progress.position + ahead)[:5]))
        raise FirelibError(
            f"the loss is {losses[ahead]} at step {self._progress.step + ahead + 1}",
            where=f"epoch {epoch + 1}; the batch begins with rows {rows} of split train",
            remedy="a smaller train.lr, train.clip_norm, or look at those rows "
            "(firelib.open_dataset(…).as_numpy('train')); the last good checkpoint is kept",
        )

    def _show(self) -> None:
        now = time.monotonic()
        is_last = self._progress.position == self._feed.steps
        if self._rank or (now - self._shown < _SHOW_SECONDS and not is_last):
            return
        self._shown = now
        epochs, rate = self._settings.epochs, self._meter.rows_per_second
        progress = self._progress
        self._heartbeat.show(
            Standing(progress.epoch + 1, epochs, progress.step, self._feed.steps * epochs, rate, progress.losses[-1])
        )
