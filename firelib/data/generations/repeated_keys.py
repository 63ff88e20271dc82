"""Find keys that are in several generations. The earliest generation keeps its row.

Tasks compare a range of buckets of the files of all generations (`key_files`): 16 bytes a row, of which a task holds no
more than a partition may have. Where the columns of `commit_by` are part of the key, generations cannot share keys, and
nothing is compared.
"""

from collections.abc import Sequence
from itertools import pairwise

import dask
import numpy as np

from firelib.data.dask_on_ray import compute
from firelib.data.generations.key_files import BUCKETS, KEY_BYTES, KeyFile, compare_buckets
from firelib.data.split.position import Hashes


def find_repeated(files: Sequence[Sequence[KeyFile]], folder: str, most_bytes: int) -> list[Hashes]:
    """The keys of each generation that an earlier generation has, too.

    Args:
        files: The files of each generation, oldest first.
        folder: URI of the folder of the files.
        most_bytes: Bytes of keys that a task may hold.

    Returns:
        uint64 [keys, 2] for each generation, sorted.
    """
    whole = sum(file.edges[-1] for parts in files for file in parts) * KEY_BYTES
    tasks = min(BUCKETS, -(-whole // most_bytes) or 1)
    edges = [BUCKETS * index // tasks for index in range(tasks + 1)]
    compare = dask.delayed(compare_buckets, pure=False)
    shared = dask.delayed(list)(files)
    found = compute([compare(shared, folder, low, high) for low, high in pairwise(edges)], "compare keys")
    return [np.concatenate([part[index] for part in found]) for index in range(len(files))]
