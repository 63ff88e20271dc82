"""Check the hashes of local shards once, in the background, while their rows are read.

The CRC of a record shows that the record is intact, not that it belongs to its file: shards of equal size that were
swapped on disk pass. The hash shows it. Remote shards need no check here, since their local copies are verified.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import numpy as np
import xxhash

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.format.shard_checks import hash_mismatch
from firelib.tfrecord.read.shards.shard_files import ShardFiles

_BLOCK_BYTES = 1 << 20  # stays in the processor's cache between reading and hashing


class HashCheck:
    """Hashes shards as far as reading has come, so that a sample stays cheap and no reader waits.

    Args:
        folder: URI of the dataset's folder.
        shards: The manifest's entries of the shards to check.
    """

    def __init__(self, folder: str, shards: Sequence[Shard]) -> None:
        self._folder = folder
        self._shards = [shard for shard in shards if shard.bytes] if storage.is_local(folder) else []
        self._files = ShardFiles(folder, self._shards)  # not decompressed: a hash is that of the file
        self._total, self._requested = sum(shard.bytes for shard in self._shards), 0
        self._hashed, self._shard, self._offset = 0, 0, 0  # of the background thread
        self._digest, self._buffer = xxhash.xxh3_128(), np.empty(_BLOCK_BYTES, np.uint8)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="firelib-hash-check")
        self._latest: Future[None] | None = None
        self._mismatch: FirelibError | None = None
        self._lock = Lock()

    def advance(self, share: float) -> None:
        """Let the background thread hash up to a share of the bytes; wait for it if the share is 1.

        Args:
            share: Share of the rows that have been read, at most 1.

        Raises:
            FirelibError: A shard that has been hashed differs from the manifest.
        """
        with self._lock:
            if (wanted := int(share * self._total)) > self._requested:
                self._requested = wanted
                self._latest = self._pool.submit(self._hash, wanted)
            latest = self._latest
        if share >= 1 and latest:
            latest.result()
        if self._mismatch:
            raise self._mismatch

    def _hash(self, until: int) -> None:
        """Hash up to a number of bytes, counted over all shards."""
        while self._hashed < until and not self._mismatch:
            shard = self._shards[self._shard]
            block = self._buffer[: min(_BLOCK_BYTES, shard.bytes - self._offset)]
            try:
                self._files.read_into(self._shard, self._offset, block)
            except FirelibError as error:
                self._mismatch = error
                return
            self._digest.update(block.data)
            self._offset, self._hashed = self._offset + block.size, self._hashed + block.size
            if self._offset == shard.bytes:
                self._finish_shard(shard)

    def _finish_shard(self, shard: Shard) -> None:
        if self._digest.hexdigest() != shard.xxh128:
            self._mismatch = hash_mismatch(self._folder, f"shard {shard.name}")
        self._digest.reset()
        self._shard, self._offset = self._shard + 1, 0
