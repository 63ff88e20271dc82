"""What a job took."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """What a job took.

    Attributes:
        seconds: Wall time of the transform, without the start of the process, of Ray and of Dask's cluster.
        cpu_seconds: Processor time of all processes that worked for it.
        rows: Rows of the dataset.
        driver_mib: Peak memory of the job's first process, in MiB.
        mib: Peak memory of all processes that worked for it, in MiB, with Ray's own and its object store.
    """

    seconds: float
    cpu_seconds: float
    rows: int
    driver_mib: float = 0.0
    mib: float = 0.0
