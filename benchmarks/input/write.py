"""Write one format, in the environment of its loader.

python -m benchmarks.input.write LOADER SCHEMA COLUMNS TARGET
"""

import importlib
import json
import sys
from pathlib import Path

from benchmarks.peers.loaders import in_memory


def main() -> None:
    loader, schema, columns, target = sys.argv[1:]
    shapes = {name: (dtype, tuple(shape)) for name, (dtype, shape) in json.loads(schema).items()}
    module = importlib.import_module(f"benchmarks.peers.loaders.{loader}")
    module.write(in_memory.load(Path(columns)), shapes, Path(target))


if __name__ == "__main__":
    main()
