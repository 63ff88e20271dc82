"""A vocabulary too large for the manifest: a file beside it, which is read when its words are needed."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

from firelib.errors import FirelibError

# Never outside of the manifest's folder. Where datasets share a folder, the hash of the content is part of the name.
_FILE = re.compile(r"vocabulary-\d{5}(-[0-9a-f]{32})?\.json")


@dataclass(frozen=True)
class StoredVocabulary(Sequence[str]):
    """The distinct strings of a feature, most frequent first, in a file. Its length is known without reading it.

    Attributes:
        file: Name of the file: a JSON list.
        words: Number of strings.
        xxh128: XXH3 hash of the file, 128 bits in hex.
        folder: URI of the folder of the manifest; not part of the manifest.

    Raises:
        FirelibError: The name is not one that firelib gives; or, when words are read, the file is missing or damaged.
    """

    file: str
    words: int
    xxh128: str
    folder: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not _FILE.fullmatch(self.file):
            raise FirelibError(f"unexpected name of a vocabulary's file: {self.file!r}", remedy="transform again")

    def __len__(self) -> int:
        return self.words

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self._content[index]

    def __reduce__(self) -> Any:
        """Pickle without the words: each process reads the file if it needs them."""
        return StoredVocabulary, (self.file, self.words, self.xxh128, self.folder)

    @cached_property
    def _content(self) -> list[str]:
        import xxhash

        from firelib import storage  # a recipe that is only declared needs no file systems

        uri = storage.join(self.folder, self.file)
        try:
            content = storage.read_bytes(uri)
        except FileNotFoundError:
            raise FirelibError(
                "a vocabulary's file is missing", where=uri, remedy="run firelib transform again"
            ) from None
        if xxhash.xxh3_128_hexdigest(content) != self.xxh128:
            what = f"the file does not have the hash {self.xxh128} that the manifest names"
            raise FirelibError(what, where=uri, remedy="run firelib transform again")
        words: list[str] = json.loads(content)
        return words
