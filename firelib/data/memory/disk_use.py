"""Bytes that the transform writes to disk beside its results: scratch files, and objects that Ray spills."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError

_MIB = 2**20


@contextmanager
def report_disk_use(scratch: str) -> Iterator[None]:
    """Say at the end of the block how much it has written to disk beside its results.

    Args:
        scratch: URI of the folder of scratch files, whose files stay until the block ends.
    """
    before = spilled_bytes()
    yield
    with suppress(OSError, FirelibError), storage.explain_storage(scratch):  # a missing figure must not fail the stage
        fs, path = storage.filesystem(scratch)
        note(f"  on disk meanwhile: {fs.du(path) / _MIB:,.0f} MiB of scratch files{_describe_spilled(before)}")


def _describe_spilled(before: int | None) -> str:
    after = spilled_bytes()
    if before is None or after is None:
        return ""
    return f", {(after - before) / _MIB:,.0f} MiB of objects spilled by Ray"


def spilled_bytes() -> int | None:
    """Bytes of objects that this Ray has written to disk since it started; None if it does not tell."""
    import ray
    from ray._private import internal_api  # `ray memory` uses it; no public API has the figure

    with suppress(Exception):  # whatever gRPC or Ray's internals raise: a missing figure must not fail the stage
        state = internal_api.get_state_from_address(ray.get_runtime_context().gcs_address)
        reply = internal_api.get_memory_info_reply(state, timeout_seconds=5.0)
        return int(reply.store_stats.spilled_bytes_total)
    return None
