"""How much longer work takes on machines that can be taken away."""

from math import exp, expm1, inf

_MOST = 20.0  # expected losses in an attempt: beyond it, fewer than one in 400 million attempts succeeds


def expected_seconds(work: float, losses_per_second: float, interval: float, recovery: float) -> float:
    """Predict the time of work that is repeated from its last checkpoint after each loss (Daly's exact formula).

    Losses come independently of each other, also while work is repeated.

    Args:
        work: Seconds of the work without losses.
        losses_per_second: Rate of losses over all machines; each of them ends an attempt.
        interval: Seconds between two checkpoints; infinite if the work starts over.
        recovery: Seconds from a loss until the work goes on.

    Returns:
        Expected seconds; infinite if there is no hope.
    """
    if losses_per_second <= 0 or work <= 0:
        return work
    piece = min(interval, work)
    if losses_per_second * (piece + recovery) > _MOST:
        return inf
    attempt = (1 / losses_per_second) * exp(losses_per_second * recovery) * expm1(losses_per_second * piece)
    return work / piece * attempt
