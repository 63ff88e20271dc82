"""Results as a table, charts, one HTML page, docs/benchmarks.md and README.md."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.report import charts, html_page, tables
from benchmarks.harness.schema import Result
from firelib.console import note


def write_report(results: Sequence[Result], folder: Path) -> None:
    """Print the results as a table; write a chart for each, and a page with all of them.

    Args:
        results: The results.
        folder: Folder for the charts and the page.
    """
    rows = [row for result in results for row in tables.rows(result)]
    print(tables.aligned([list(tables.HEADERS), *rows]))  # noqa: T201  too wide for a pretty table
    pictures = {charts.chart_name(result): charts.draw_chart(result) for result in results if result.cases}
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(picture)
    page = folder / "index.html"
    page.write_text(html_page.render(results, pictures))
    note(f"charts and tables: {page}")
