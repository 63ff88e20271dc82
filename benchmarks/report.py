"""Tables and charts of all results: `python -m benchmarks.report`."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.measure import RESULTS

mpl.use("Agg")


def main() -> None:
    for path in sorted(RESULTS.glob("tfrecord_*.json")):
        content = json.loads(path.read_text())
        print(_table(content))  # noqa: T201  a report
        print(f"chart: {_chart(content, path.with_suffix('.png'))}\n")  # noqa: T201


def _table(content: dict[str, Any]) -> str:
    lines = [content["name"]]
    for case in content["cases"]:
        lines.append(f"  {case['title']}")
        lines += [
            f"    {way['way']:24} {way['rows_per_second']:12,.0f} rows/s  {way['settings']}" for way in case["ways"]
        ]
        lines += [
            f"    {ratio['ours']} ÷ {ratio['peer']}: {ratio['median']:.2f} ({ratio['min']:.2f} … {ratio['max']:.2f})"
            for ratio in case["ratios"]
        ]
    return "\n".join(lines)


def _chart(content: dict[str, Any], path: Path) -> Path:
    import matplotlib.pyplot as plt

    cases = content["cases"]
    figure, axes = plt.subplots(1, len(cases), figsize=(5 * len(cases), 3.2), squeeze=False)
    for axis, case in zip(axes[0], cases, strict=True):
        names = [way["way"] for way in case["ways"]]
        axis.barh(names, [way["rows_per_second"] for way in case["ways"]], color="#4c72b0")
        axis.set(title=case["title"], xlabel="rows a second", xscale="log")
        axis.invert_yaxis()
    figure.suptitle(content["name"])
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


if __name__ == "__main__":
    main()
