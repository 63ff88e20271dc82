"""Kernels for sums that are equal on every host: scalar additions in a fixed order, with the rounding errors added up.

Each addition's error is exact (Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B), so the
result has the accuracy of twice the precision: Ogita, Rump & Oishi (2005), "Accurate sum and dot product", `Sum2`.
LLVM neither reorders these operations nor fuses a multiplication with an addition, since `fastmath` is off.
"""

import numpy as np
import numpy.typing as npt
from numba import njit


@njit(nogil=True, cache=True)
def exact_sum(values: npt.NDArray[np.float64]) -> float:
    """Sum of values, to the last bit but one.

    Args:
        values: float64 [rows].
    """
    total, error = 0.0, 0.0
    for value in values:
        total, error = _add(total, error, value)
    result: float = _round(total, error)
    return result


@njit(nogil=True, cache=True)
def squared_deviations(values: npt.NDArray[np.float64], mean: float) -> float:
    """Sum of the squared deviations from a mean.

    Args:
        values: float64 [rows].
        mean: The mean.
    """
    total, error = 0.0, 0.0
    for value in values:
        deviation = value - mean
        total, error = _add(total, error, deviation * deviation)
    result: float = _round(total, error)
    return result


@njit(nogil=True, cache=True, inline="always")
def _add(total: float, error: float, value: float) -> tuple[float, float]:
    new = total + value
    part = new - total
    return new, error + ((total - (new - part)) + (value - part))


@njit(nogil=True, cache=True, inline="always")
def _round(total: float, error: float) -> float:
    """The error of an infinite sum is no number."""
    return total if np.isnan(error) else total + error
