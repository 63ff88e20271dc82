import hashlib
import os
from pathlib import Path

from firelib import storage


def test_hash_of_a_file_longer_than_a_chunk(tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20 + 7)
    (tmp_path / "big").write_bytes(content)
    assert storage.sha256_file(tmp_path / "big") == hashlib.sha256(content).hexdigest()
