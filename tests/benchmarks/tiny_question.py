"""A benchmark of two cases, which may die after the first: `--die-once FILE` dies unless the file exists.

`--without NAME …` fails if one of these variables is set.
"""

import argparse
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness.measure import finding, save, spread


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--die-once", type=Path)
    parser.add_argument("--without", nargs="+", default=[])
    options = parser.parse_args()
    assert not [name for name in options.without if name in os.environ]

    def cases() -> Iterator[dict[str, Any]]:
        for title in ("first", "second"):
            lines = [finding("a ÷ b", spread([1.0, 2.0]), "×", "≥ 1")]
            yield {"title": title, "unit": "rows/s", "bars": [], "findings": lines}
            if options.die_once and not options.die_once.exists():
                options.die_once.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    save("tiny", "Does it work?", cases())


if __name__ == "__main__":
    main()
