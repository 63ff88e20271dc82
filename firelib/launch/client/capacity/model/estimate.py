"""Predict the seconds, the bottleneck and the memory of each stage on a fleet."""

from dataclasses import dataclass, replace
from math import ceil, inf

from firelib.launch.client.capacity.model.figures import Figures
from firelib.launch.client.capacity.model.group import Group
from firelib.launch.client.capacity.model.memory import fit_tasks, fit_workers, needed_gib
from firelib.launch.client.capacity.model.preemption import expected_seconds
from firelib.launch.client.capacity.model.simulation import simulate_step
from firelib.launch.client.capacity.model.workload import Fleet, Workload

_CACHE_BYTES = 64 * 2**30  # default of FIRELIB_CACHE_GIB
_SCRATCH_PASSES = 3  # transform writes rows as scratch files, reads them, and writes shards
_TASK_SECONDS = 30.0  # of the transform: what a lost machine repeats
_MOST_EPOCHS = 20  # whose reading is computed; later ones find everything in the cache, or nothing
_FORWARD_SHARE = 1 / 3  # of the time of a training step: validation computes no gradients


@dataclass(frozen=True)
class StageEstimate:
    """The prediction for one stage.

    Attributes:
        stage: `extract`, `transform` or `train`.
        seconds: Wall time.
        bottleneck: What limits it.
    """

    stage: str
    seconds: float
    bottleneck: str


@dataclass(frozen=True)
class Estimate:
    """The prediction for the pipeline on a fleet.

    Attributes:
        fleet: The machines.
        workers: Training workers on all machines.
        stages: One prediction for each stage.
        memory_gib: GiB needed on each machine.
    """

    fleet: Fleet
    workers: int
    stages: tuple[StageEstimate, ...]
    memory_gib: float

    @property
    def seconds(self) -> float:
        """Wall time of all stages, one after the other."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def cost(self) -> float | None:
        """US dollars for that time; None if the price is not known."""
        return None if self.fleet.hourly is None else self.fleet.hourly * self.seconds / 3600

    @property
    def slowest(self) -> StageEstimate:
        """The stage that takes longest."""
        return max(self.stages, key=lambda stage: stage.seconds)


def estimate(figures: Figures, workload: Workload, fleet: Fleet, simulate: bool = False) -> Estimate | None:
    """Predict the pipeline on a fleet, with the number of workers that trains fastest.

    Args:
        figures: Measured figures.
        workload: The work.
        fleet: The machines.
        simulate: Whether to simulate training, too, and to take the longer time; takes some milliseconds.

    Returns:
        The prediction; None if no worker fits into a machine.
    """
    weights = figures.training.steps.weights_bytes
    most = fit_workers(fleet.machine, workload, weights)
    if not most:
        return None
    groups = sorted(_counts(most, fleet.count, workload.batch_rows))
    train, machines, each = min((_train(figures, workload, fleet, group) for group in groups), key=_duration)
    if simulate:
        train = max(train, _simulated(figures, workload, fleet, machines, each), key=lambda stage: stage.seconds)
    if train.bottleneck == "cores" and machines * each < max(used * workers for used, workers in groups):
        train = replace(train, bottleneck="all-reduce")  # with more workers, it would take longer than they save
    stages = (_extract(figures, workload, fleet), _transform(figures, workload, fleet), train)
    return Estimate(fleet, machines * each, stages, needed_gib(fleet, each, weights))


def _counts(most: int, machines: int, batch_rows: int) -> set[tuple[int, int]]:
    """Candidates for training: machines that train, and workers on each. More workers are not always faster."""
    each = {*_powers(most), most}
    groups = {(1, workers) for workers in each} | {
        (used, few) for used in {*_powers(machines), machines} for few in (1, most)
    }
    return {(used, workers) for used, workers in groups if used * workers <= batch_rows}


def _powers(most: int) -> list[int]:
    """Powers of two up to a number."""
    return [2**power for power in range(most.bit_length())]


def _duration(choice: tuple[StageEstimate, int, int]) -> float:
    return choice[0].seconds


def _extract(figures: Figures, workload: Workload, fleet: Fleet) -> StageEstimate:
    work = figures.extract.seconds(workload.rows, 1)
    nbytes = workload.rows * figures.reading.row_bytes
    transfer = figures.extract.fixed + nbytes / fleet.network.total(1)
    limit = "network" if transfer > work else "one process"
    seconds = max(work, transfer)
    return StageEstimate("extract", _with_losses(seconds, fleet, inf, figures.training.start, 1), limit)


def _transform(figures: Figures, workload: Workload, fleet: Fleet) -> StageEstimate:
    tasks, curve = fit_tasks(fleet.machine), figures.transform
    work = curve.seconds(workload.rows, tasks * fleet.count)
    nbytes = _SCRATCH_PASSES * workload.rows * figures.reading.row_bytes
    transfer = curve.fixed + nbytes / fleet.network.total(fleet.count)
    alone = curve.fixed + workload.rows * curve.serial
    if transfer > work:
        limit = "network"
    elif alone > work / 2:
        limit = "start"
    else:
        limit = "cores" if tasks == fleet.machine.vcpus else "memory"
    seconds = max(work, transfer)
    return StageEstimate("transform", _with_losses(seconds, fleet, _TASK_SECONDS, figures.training.start), limit)


def _train(
    figures: Figures, workload: Workload, fleet: Fleet, group: tuple[int, int]
) -> tuple[StageEstimate, int, int]:
    machines, each = group
    parts = _step_parts(figures, workload, Group(machines, each, workload.batch_rows, fleet.network))
    seconds = _finish_training(figures, workload, fleet, machines * each, sum(parts.values()))
    largest = max(parts, key=lambda name: parts[name])
    overhead = figures.training.start + figures.training.end
    limit = "start" if overhead > seconds / 2 else largest
    return StageEstimate("train", seconds, limit), machines, each


def _step_parts(figures: Figures, workload: Workload, group: Group) -> dict[str, float]:
    """What training does → mean seconds of it in a step over all epochs."""
    steps, workers = figures.training.steps, group.workers
    exchange = steps.exchange(workers, group.machines, group.network)
    step = steps.seconds(group.batch_rows, workers, group.machines, group.network)
    local = figures.training.waiting * group.batch_rows / workers
    window = (step + local) * figures.reading.window_rows / group.batch_rows
    rows, is_cached = workload.rows * workload.train_share, _is_cached(figures, workload)
    epochs = min(workload.epochs, _MOST_EPOCHS)
    waiting = figures.reading.waiting(epochs, rows, group, window, is_cached)
    extra = waiting / epochs * group.batch_rows / rows
    return {"cores": step - exchange, "all-reduce": exchange, "input": local + extra}


def _is_cached(figures: Figures, workload: Workload) -> bool:
    """Whether the training split fits into a machine's cache."""
    return workload.rows * workload.train_share * figures.reading.row_bytes <= _CACHE_BYTES


def _simulated(figures: Figures, workload: Workload, fleet: Fleet, machines: int, each: int) -> StageEstimate:
    group = Group(machines, each, workload.batch_rows, fleet.network)
    steps, reading = figures.training.steps, figures.reading
    rows, is_cached = workload.rows * workload.train_share, _is_cached(figures, workload)
    chunks = reading.new_chunks(min(workload.epochs, _MOST_EPOCHS), rows, machines, is_cached)
    local = figures.training.waiting * group.batch_rows / group.workers
    fetching, cached = (simulate_step(group, steps, reading, count) for count in (float(chunks.mean()), 0.0))
    parts = {"cores": steps.compute(group.batch_rows, group.workers)}
    parts["all-reduce"] = steps.exchange(group.workers, machines, fleet.network)
    parts["input"] = local + max(0.0, fetching - cached)
    parts["stragglers"] = max(0.0, fetching + local - sum(parts.values()))
    limit = max(parts, key=lambda name: parts[name])
    return StageEstimate("train", _finish_training(figures, workload, fleet, group.workers, fetching + local), limit)


def _finish_training(figures: Figures, workload: Workload, fleet: Fleet, workers: int, step: float) -> float:
    """Seconds of a whole training whose steps take `step` seconds."""
    count = workload.epochs * ceil(workload.rows * workload.train_share / workload.batch_rows)
    validated = workload.epochs * workload.rows * workload.validation_share
    validation = validated * figures.training.steps.per_row * _FORWARD_SHARE / workers
    work = count * step + validation
    training = figures.training
    expected = _with_losses(work, fleet, workload.checkpoint_seconds, training.start)
    return training.start + expected + training.end


def _with_losses(seconds: float, fleet: Fleet, interval: float, recovery: float, machines: int | None = None) -> float:
    rate = fleet.losses_per_second if machines is None else fleet.losses_per_hour * machines / 3600
    return expected_seconds(seconds, rate, interval, recovery)
