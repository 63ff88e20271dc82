"""LitData: optimized chunks, read row by row by its own DataLoader, in an environment of its own."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.input.job import Job, Schema
from benchmarks.peers.loaders.torch_batches import collate, epochs, row

_CHUNK_BYTES = "8MB"

os.environ["LITDATA_DISABLE_VERSION_CHECK"] = "1"  # it would ask a package registry, at each start


def write(columns: Mapping[str, Any], schema: Schema, folder: Path) -> None:
    import litdata

    litdata.optimize(
        fn=partial(row, columns, schema),
        inputs=list(range(len(columns["label"]))),
        output_dir=str(folder),
        chunk_bytes=_CHUNK_BYTES,
        num_workers=1,
        start_method="fork",  # the columns need not be sent
        verbose=False,
    )


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    """Import it; the option `workers` is the number of the DataLoader's processes."""
    import litdata

    remote = {}
    if job.is_remote:
        names = {"endpoint_url": "AWS_ENDPOINT_URL", "region_name": "AWS_DEFAULT_REGION"}
        options = {name: os.environ[variable] for name, variable in names.items()}
        remote = {"cache_dir": job.cache, "storage_options": options}
    workers = job.options["workers"]

    def batches() -> Iterator[dict[str, Any]]:
        dataset = litdata.StreamingDataset(job.source, shuffle=True, **remote)
        return epochs(
            litdata.StreamingDataLoader(
                dataset, batch_size=job.batch, collate_fn=collate, num_workers=workers, persistent_workers=workers > 0
            )
        )

    yield batches
