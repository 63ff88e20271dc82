"""The training loop of one worker, over global batches.

Keras' `fit` fails or silently loses data under `MultiWorkerMirroredStrategy`, so firelib has its own loop. Global batch
*s* holds the same rows for every number of workers, the loss is the mean over the global batch, and gradients are
summed over the workers before the optimizer sees them. All numbers of workers therefore follow one loss curve.
"""

import time
from collections.abc import Iterator

import numpy as np

from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.attempt import Attempt
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.checkpointer import Checkpointer, Report
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.export import export
from firelib.train.keras_types import Strategy, Tensor, Variable
from firelib.train.model.builder import build_model
from firelib.train.model.checks import check_model
from firelib.train.model.notes import find_notes
from firelib.train.progress_actor import PHASES, ProgressSnapshot
from firelib.train.run_spec import RunSpec
from firelib.train.timing import Meter
from firelib.train.tracking.tracker import StepLogger, start_tracker
from firelib.train.worker.callbacks import Callbacks
from firelib.train.worker.devices import require_one_device_per_worker
from firelib.train.worker.early_stopping import update_best_epoch
from firelib.train.worker.finite_loss import require_finite
from firelib.train.worker.heartbeat import Heartbeat
from firelib.train.worker.input_pipeline import InputPipeline
from firelib.train.worker.optimizer import prepare_optimizer
from firelib.train.worker.profiling import Profiler
from firelib.train.worker.ray_report import report
from firelib.train.worker.train_step import TrainStep
from firelib.train.worker.validation_loop import Validation

_SHOW_SECONDS = 0.5


def run_worker(spec: RunSpec, attempt: Attempt, rank: int) -> None:
    """Train as one worker of a group. TensorFlow must be imported, and no op may have run.

    Args:
        spec: What is trained.
        attempt: This start of the workers.
        rank: Rank of this worker.
    """
    import tensorflow as tf

    heartbeat = Heartbeat(attempt.board, rank)
    heartbeat.register()
    # The first op of the process: it sets up the collectives and waits for all workers. No other thread may run ops.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    require_one_device_per_worker(strategy, attempt.world_size, attempt.on_gpu)
    with heartbeat:
        worker = TrainingWorker(spec, attempt, strategy, heartbeat, rank, report)
        attempt.board.set_phase.remote(rank, PHASES[2])
        worker.run()


class TrainingWorker:
    """One worker's part of an attempt.

    Args:
        spec: What is trained.
        attempt: This start of the workers.
        strategy: A `MultiWorkerMirroredStrategy` over all workers.
        heartbeat: Sends progress to the driver, and receives the request to stop.
        rank: Rank of this worker.
        report: Reports to Ray Train; every worker must call it.
    """

    def __init__(
        self,
        spec: RunSpec,
        attempt: Attempt,
        strategy: Strategy,
        heartbeat: Heartbeat,
        rank: int,
        report: Report,
    ) -> None:
        self._spec, self._attempt, self._heartbeat, self._rank = spec, attempt, heartbeat, rank
        self._settings = settings = spec.params.train
        self._shown = 0.0
        self._progress = TrainingProgress(seed=settings.seed)
        self._meter, self._store = Meter(attempt.started), CheckpointStore(spec.run_uri)
        self._dataset = dataset = open_dataset(spec.manifest)
        self._input = InputPipeline(dataset, settings, rank, attempt.world_size)
        self._checkpointer = Checkpointer(self._store, settings.checkpoint, rank == 0, self._meter, report)
        self._report = report
        folder = spec.tensorboard_folder if spec.profile and rank == 0 else None
        self._profiler = Profiler(folder, heartbeat.note)
        self._manifest = dataset.manifest
        self._build_models(strategy)
        self._callbacks = self._build_callbacks()
        self._step = TrainStep(strategy, self._model, dataset.unpack, settings, attempt.world_size, spec.class_weights)
        self._validation = Validation(strategy, self._model, self._plain, heartbeat.record_progress)

    def _build_models(self, strategy: Strategy) -> None:
        """Build the model twice: in the strategy's scope to train it, and outside for checks, metrics and export."""
        import keras

        settings, manifest = self._settings, self._manifest
        keras.config.set_dtype_policy("float32")
        keras.utils.set_random_seed(settings.seed)  # the same initial weights on every worker
        self._plain = build_model(self._spec, manifest)
        check_model(self._plain, self._spec, manifest, self._attempt.world_size)
        if self._rank == 0:
            for note in find_notes(self._plain, manifest, settings):
                self._heartbeat.note(note)
        keras.utils.set_random_seed(settings.seed)
        keras.config.set_dtype_policy(settings.precision)
        with strategy.scope():
            self._model = build_model(self._spec, manifest)
            if settings.precision == "float64":  # float64 initializers draw other numbers
                self._model.set_weights(self._plain.get_weights())
            prepare_optimizer(self._model.optimizer, settings, self._input.steps * settings.epochs)
            self._model.optimizer.build(self._model.trainable_variables)

    def run(self) -> None:
        """Train to the end of the run, or until the driver asks to stop. Rank 0 exports the finished model.

        Raises:
            FirelibError: A shard is damaged, a loss is not finite, or the workers' weights differ.
        """
        with self._dataset.raise_read_errors():  # damaged data must not look like a lost peer, which causes a restart
            self._run()

    def _run(self) -> None:
        self._restore()
        tracker = start_tracker(self._spec, self._rank, self._progress.tracking_id, self._heartbeat.note)
        self._progress.tracking_id = tracker.id
        self._step_logger = StepLogger(tracker, self._spec.run_uri, self._input.steps)
        stopped = False
        while not self._is_finished and not stopped:
            stopped = self._train_epoch()
            if not stopped:
                self._end_epoch()
        self._profiler.finish()
        self._checkpointer.finish()
        self._step_logger.log_until(self._checkpointer.committed, self._progress)
        if not stopped:
            self._finish_run()
        last = self._progress.validation[-1] if self._progress.validation else {}
        figures = {**last, **self._meter.summary(), **self._attempt.restart_figures}
        tracker.finish(figures, None if stopped else self._spec.export_uri)
        self._report({"stopped": float(stopped), **self._meter.summary()}, self._store.uri(self._progress.step))

    @property
    def _is_finished(self) -> bool:
        return self._progress.stopped_early or self._progress.epoch >= self._settings.epochs

    def _restore(self) -> None:
        """Resume from the checkpoint that the driver has chosen, if there is one."""
        step = self._attempt.resume_step
        if step is None:
            self._callbacks.train_begin([])
        else:
            uri = self._store.uri(step)
            values, self._progress = serialization.load(uri)
            self._callbacks.train_begin(self._progress.validation)
            serialization.restore(self._variables, values, uri)
            self._checkpointer.committed = step
        self._progress.starts.append(self._progress.step)

    @property
    def _has_state(self) -> bool:
        """Whether layers have weights that they update themselves, which may differ between workers at once."""
        return len(self._model.weights) > len(self._model.trainable_variables)

    @property
    def _variables(self) -> list[Variable]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def _build_callbacks(self) -> Callbacks:
        callbacks = list(self._spec.recipe.callbacks(self._spec.model_params))
        scheduled = self._settings.schedule.kind != "constant" or self._settings.schedule.warmup_steps > 0
        return Callbacks(callbacks, self._model, self._settings.epochs, scheduled)

    def _train_epoch(self) -> bool:
        """Train the rest of the epoch. Returns whether the workers were asked to stop."""
        if self._progress.position == 0:
            self._callbacks.epoch_begin(self._progress.epoch)
        for batches in self._input.training_batches(self._progress.epoch, self._progress.position):
            before = self._progress.step
            stop, timed = self._train_steps(batches)
            if before == self._progress.starts[-1] and self._has_state:
                self._validation.require_equal_weights(self._progress.step, self._spec.run_id)
            due = timed or self._checkpointer.is_due_by_steps(before, self._progress.step)
            is_inside = self._progress.position < self._input.steps  # the end of an epoch is always saved
            if stop or (due and is_inside):
                self._checkpointer.save(self._variables, self._progress, report=timed)
            if stop:
                return True
            self._step_logger.log_until(self._checkpointer.poll(), self._progress)
        return False

    def _train_steps(self, batches: Iterator[Tensor]) -> tuple[bool, bool]:
        """Call the train step once.

        Returns:
            Whether to stop, and whether a checkpoint is due by time; the same on all workers.
        """
        votes = (self._heartbeat.stop_requested, self._checkpointer.is_due_by_time)
        begun = time.perf_counter()
        result = self._step(batches, votes)
        seconds, losses, (stop, timed) = time.perf_counter() - begun, result.losses, result.votes
        require_finite(losses, self._progress, self._input.row_indices, self._manifest)
        self._progress.losses += [float(loss) for loss in losses]
        self._progress.step += len(losses)
        self._progress.position += len(losses)
        self._heartbeat.record_progress()
        rows = len(losses) * self._settings.global_batch_size
        self._meter.record_steps(seconds - result.data_seconds, result.data_seconds, len(losses), rows)
        self._profiler.record_steps(len(losses))
        self._show_progress()
        return bool(stop), bool(timed)

    def _end_epoch(self) -> None:
        """Validate, update the best epoch, compare the workers' weights, save."""
        with self._meter.time("validation"):
            metrics = self._validation.compute_metrics(self._input.validation_batches())
        progress = self._progress
        loss = float(np.mean(progress.losses[-progress.position :]))
        self._callbacks.epoch_end(progress.epoch, {"loss": loss, **metrics})
        progress.epoch += 1
        progress.position = 0
        progress.validation.append({"epoch": progress.epoch, **metrics})
        if self._rank == 0 and self._spec.validations is not None:
            self._spec.validations.put(progress.validation[-1])
        update_best_epoch(progress, self._settings.early_stopping)
        progress.stopped_early |= self._callbacks.stop_requested
        self._validation.require_equal_weights(progress.step, self._spec.run_id)
        self._checkpointer.save(self._variables, progress)

    def _finish_run(self) -> None:
        """Restore the best epoch if params.yaml asks for it, and export the model for the driver to publish."""
        self._callbacks.train_end()
        settings, best = self._settings.early_stopping, self._progress.best
        if settings.returns_best and best:
            uri = self._store.uri(best.step)
            serialization.restore(self._variables, serialization.load(uri)[0], uri)
        if self._rank == 0:
            self._plain.set_weights(self._model.get_weights())
            export(self._plain, self._spec.export_uri)

    def _show_progress(self) -> None:
        now = time.monotonic()
        is_last = self._progress.position == self._input.steps
        if self._rank or (now - self._shown < _SHOW_SECONDS and not is_last):
            return
        self._shown = now
        epochs, progress = self._settings.epochs, self._progress
        self._heartbeat.show_progress(
            ProgressSnapshot(
                epoch=progress.epoch + 1,
                epochs=epochs,
                step=progress.step,
                steps=self._input.steps * epochs,
                rows_per_second=self._meter.rows_per_second,
                loss=progress.losses[-1],
            )
        )
