"""Report all results as a table, a chart each, and docs/benchmarks.md: `python -m benchmarks.harness.report`."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.harness.measure import RESULTS
from firelib.console import note

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: written by make bench -->\n", "<!-- end of results -->\n"

_HEADERS = ("benchmark", "data", "figure", "median", "lowest … highest", "goal", "")


def main() -> None:
    mpl.use("Agg")
    results = load(RESULTS)
    rows = [row for result in results for row in lines(result)]
    print(aligned([list(_HEADERS), *rows]))  # noqa: T201  too wide for a pretty table
    PAGE.write_text(replaced(PAGE.read_text(), page(results)))
    for result in results:
        note(f"chart: {chart(result, RESULTS / (result['name'] + '.png'))}")


def load(folder: Path) -> list[dict[str, Any]]:
    """Read the results that have cases; stages.json has another format."""
    contents = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [content for content in contents if "cases" in content]


def aligned(rows: list[list[str]]) -> str:
    """Align the columns of a table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def lines(result: dict[str, Any]) -> list[list[str]]:
    """Build a table row for each finding of a benchmark."""
    return [
        [result["name"], case["title"], *_cells(finding)] for case in result["cases"] for finding in case["findings"]
    ]


def reached(finding: dict[str, Any]) -> str:
    """Whether a finding reaches its goal: `yes`, `no`, or empty without a goal."""
    sign, _, number = finding["goal"].partition(" ")
    if sign == "≥":
        return "yes" if finding["value"] >= float(number) else "no"
    if sign == "≤":
        return "yes" if finding["value"] <= float(number) else "no"
    if sign == "<":
        return "yes" if finding["value"] < float(number) else "no"
    return ""


def page(results: list[dict[str, Any]]) -> str:
    """Render Markdown: the findings of each benchmark, then the rate and the settings of each way."""
    return "\n".join(part for result in results for part in _section(result))


def replaced(text: str, content: str) -> str:
    """Replace the results between the page's two markers."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def chart(result: dict[str, Any], path: Path) -> Path:
    """Draw the rates of all cases as bars, with the spread."""
    import matplotlib.pyplot as plt

    cases = result["cases"]
    most = max(len(case["bars"]) for case in cases)
    figure, axes = plt.subplots(1, len(cases), figsize=(5 * len(cases), 1.2 + 0.35 * most), squeeze=False)
    for axis, case in zip(axes[0], cases, strict=True):
        _draw(axis, case)
    figure.suptitle(result["question"])
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _draw(axis: Any, case: dict[str, Any]) -> None:
    bars = case["bars"]
    values = [bar["value"] for bar in bars]
    errors = [[bar["value"] - bar["low"] for bar in bars], [bar["high"] - bar["value"] for bar in bars]]
    axis.barh([bar["name"] for bar in bars], values, xerr=errors, color="#4c72b0")
    axis.set(title=case["title"], xlabel=case["unit"], xscale="log" if case["unit"] == "rows/s" else "linear")
    axis.invert_yaxis()


def _section(result: dict[str, Any]) -> list[str]:
    machine = result["machine"]
    load = f"{machine['cores']} shared cores, load before it began: {machine['load_before']}"
    parts = [f"### {result['name']}", "", f"{result['question']} ({load})", ""]
    parts += _markdown(_HEADERS[1:], [line[1:] for line in lines(result)])
    for case in result["cases"]:
        if any("settings" in bar for bar in case["bars"]):
            parts += [f"{case['title']}, {case['unit']}:", "", *_ways(case)]
        parts += [f"{name} was omitted: {reason}\n" for name, reason in case["absent"].items()]
    return parts


def _ways(case: dict[str, Any]) -> list[str]:
    rows = [[bar["name"], f"{bar['value']:,.0f}", bar["settings"]] for bar in case["bars"]]
    return _markdown(("way", "median", "settings"), rows)


def _markdown(headers: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    head = [f"| {' | '.join(headers)} |", f"|{'---|' * len(headers)}"]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _cells(finding: dict[str, Any]) -> list[str]:
    spread = f"{_short(finding['low'])} … {_short(finding['high'])}"
    value = f"{_short(finding['value'])} {finding['unit']}".strip()
    return [finding["what"], value, spread, finding["goal"], reached(finding)]


def _short(value: float) -> str:
    """Format with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
