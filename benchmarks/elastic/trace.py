"""When spot nodes are preempted and come back: a trace from a law with stated parameters.

Each node lives for an exponentially distributed time, and is away for another one: preemptions without memory are the
usual model where no trace of a provider is at hand. The last node is never preempted, since no policy trains without
any. The parameters are in hours of the trace; a replay divides them by its scale, but what a restart takes does not
become shorter, so a scaled trace is harder than the one that it stands for.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Change:
    """A node comes or goes.

    Attributes:
        time: Seconds since the begin of the trace.
        node: Index of the node.
        is_up: Whether it is there from now on.
    """

    time: float
    node: int
    is_up: bool


@dataclass(frozen=True)
class Law:
    """Parameters of a trace.

    Attributes:
        hours: Length of the trace.
        lifetime: Mean hours until a node is preempted.
        outage: Mean hours until it is back.
        seed: Seed of the random numbers.
    """

    hours: float
    lifetime: float
    outage: float
    seed: int

    def __str__(self) -> str:
        return (
            f"{self.hours:g} h, exponential lifetime of {self.lifetime:g} h and outage of {self.outage:g} h in the "
            f"mean, seed {self.seed}"
        )


def sample_trace(law: Law, nodes: int, scale: float) -> list[Change]:
    """Draw the changes of a trace by time.

    Args:
        law: The trace's parameters.
        nodes: Number of nodes, all of which are there at the begin.
        scale: How much faster than the trace the replay is.
    """
    random = np.random.default_rng(law.seed)
    end, up = law.hours * 3600 / scale, dict.fromkeys(range(nodes), True)
    pending = {node: _draw(random, law.lifetime, scale) for node in up}
    changes = []
    while True:
        node = min(pending, key=lambda each: pending[each])
        now = pending[node]
        if now >= end:
            return changes
        is_last = up[node] and sum(up.values()) == 1
        if not is_last:
            up[node] = not up[node]
            changes.append(Change(now, node, up[node]))
        pending[node] = now + _draw(random, law.lifetime if up[node] else law.outage, scale)


def possible_steps(changes: list[Change], nodes: int, seconds: float, step_seconds: dict[int, float]) -> float:
    """Steps that training could take if it lost no time at all: at every moment at the rate of the nodes that are up.

    Args:
        changes: The trace.
        nodes: Number of nodes at the begin.
        seconds: Length of the replay.
        step_seconds: Number of workers → seconds of a step.
    """
    steps, since, up = 0.0, 0.0, nodes
    for change in [*changes, None]:
        now = seconds if change is None else change.time
        steps += (now - since) / step_seconds[up]
        if change is not None:
            since, up = now, up + (1 if change.is_up else -1)
    return steps


def _draw(random: np.random.Generator, mean_hours: float, scale: float) -> float:
    return float(random.exponential(mean_hours * 3600 / scale))
