"""What a loader gets: where its files are and what a batch looks like.

Loaders of other environments import this module, so it needs nothing but the standard library.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

#: Name → dtype (`string` for text) and shape of a row.
Schema = dict[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Job:
    """The input of a loader.

    Attributes:
        loader: Module in `benchmarks.peers.loaders`.
        source: Folder or `s3://` URI of the loader's files.
        schema: The columns, with the label, which is called `label`.
        batch: Rows per batch.
        cpus: Number of cores that the loader may use.
        cache: An empty folder for local copies of remote files.
        options: The loader's own settings.
    """

    loader: str
    source: str
    schema: Schema
    batch: int
    cpus: int
    cache: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_remote(self) -> bool:
        """Whether the files are in an object store."""
        return "://" in self.source

    def to_json(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Read what `to_json` returned."""
        values = json.loads(text)
        schema = {name: (dtype, tuple(shape)) for name, (dtype, shape) in values.pop("schema").items()}
        return cls(schema=schema, **values)
