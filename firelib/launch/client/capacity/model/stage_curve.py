"""How the time of extract and transform grows with the rows and shrinks with the cores."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        rows: Rows of the run.
        cores: Cores that it used.
        seconds: Wall time.
    """

    rows: float
    cores: float
    seconds: float


@dataclass(frozen=True)
class StageCurve:
    """Seconds of a stage: `fixed + rows × (serial + parallel ÷ cores)`.

    Attributes:
        fixed: Seconds that do not depend on the rows.
        serial: Seconds per row that more cores do not shorten.
        parallel: Core-seconds per row that all cores share.
        most_rows: Rows of the largest measurement.
        most_cores: Cores of the largest measurement.
    """

    fixed: float
    serial: float
    parallel: float
    most_rows: float
    most_cores: float

    def seconds(self, rows: float, cores: float) -> float:
        """Predict the wall time.

        Args:
            rows: Rows of the run.
            cores: Cores that it can use.
        """
        return self.fixed + rows * (self.serial + self.parallel / cores)


def fit_stage(points: Sequence[Point], usual_fixed: float) -> StageCurve:
    """Fit a curve to measurements, all of which count by their relative error.

    Args:
        points: At least one measurement.
        usual_fixed: Seconds that do not depend on the rows, for measurements that all have the same number of rows.

    Returns:
        The curve. Without measurements on different numbers of cores, all of the time per row counts as parallel.
    """
    rows, cores, seconds = np.array([[point.rows, point.cores, point.seconds] for point in points]).T
    fixed = 0.0 if len(set(rows)) > 1 else min(usual_fixed, seconds.min() / 2)
    terms = {"fixed": np.ones_like(rows), "serial": rows, "parallel": rows / cores}
    if len(set(rows)) == 1:
        del terms["fixed"]
    if len(set(cores)) == 1:
        del terms["serial"]
    matrix = np.stack(list(terms.values()), axis=1) / seconds[:, None]
    found = dict(zip(terms, solve_nonnegative(matrix, (seconds - fixed) / seconds), strict=True))
    return StageCurve(found.get("fixed", fixed), found.get("serial", 0.0), found["parallel"], rows.max(), cores.max())


def solve_nonnegative(matrix: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> list[float]:
    """Least squares without negative coefficients, for a few columns: the best solution of any subset of them.

    Args:
        matrix: float64 [measurements, terms].
        target: float64 [measurements].

    Returns:
        A coefficient for each term.
    """
    best, least = [0.0] * matrix.shape[1], float(np.sum(target**2))
    for size in range(1, matrix.shape[1] + 1):
        for chosen in combinations(range(matrix.shape[1]), size):
            part = matrix[:, chosen]
            scale = np.linalg.norm(part, axis=0)  # terms differ by many orders of magnitude
            solution = np.linalg.lstsq(part / scale, target, rcond=None)[0] / scale
            error = float(np.sum((part @ solution - target) ** 2))
            if (solution >= 0).all() and error < least * (1 - 1e-9):
                best, least = [0.0] * matrix.shape[1], error
                for index, value in zip(chosen, solution, strict=True):
                    best[index] = float(value)
    return best
