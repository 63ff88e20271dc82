"""All charts and tables as one HTML page, which needs no network."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.harness.report import machines, tables
from benchmarks.harness.report.charts import chart_name
from benchmarks.harness.schema import Result

_STYLE = """
:root { color-scheme: light dark; --line: #8888; --back: #fff; --text: #1b1b1b; }
@media (prefers-color-scheme: dark) { :root { --back: #16181c; --text: #e6e6e6; } }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif;
  background: var(--back); color: var(--text); }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
img { max-width: 100%; height: auto; background: #fff; }
"""


def render(results: Sequence[Result], pictures: Mapping[str, bytes]) -> str:
    """Render the page.

    Args:
        results: The results.
        pictures: Name of a chart, see `chart_name` → its PNG.
    """
    sections = []
    for name, own in machines.by_name(results).items():
        sections.append(f"<h2>{escape(name)}</h2>")
        if len(own) > 1:
            header, *rows = machines.side_by_side(own)
            sections += ["<h3>On several machines</h3>", _table(header, rows)]
        sections += [part for result in own for part in _section(result, pictures.get(chart_name(result)))]
    body = "\n".join(sections) or "<p>Nothing has been measured yet: run <code>make bench</code>.</p>"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>firelib: benchmarks</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Benchmarks</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )


def _section(result: Result, picture: bytes | None) -> list[str]:
    parts = [f"<p>{escape(tables.describe(result))}</p>"]
    if picture:
        data = base64.b64encode(picture).decode()
        label = escape(f"Chart: {result.question} The table below has the same figures.", quote=True)
        parts.append(f'<img alt="{label}" src="data:image/png;base64,{data}">')
    parts.append(_table(tables.HEADERS[1:], [row[1:] for row in tables.rows(result)]))
    for case in result.cases:
        parts += [f"<h3>{escape(case.title)}, {escape(case.unit)}</h3>"]
        parts += [_table(tables.WAY_HEADERS, tables.way_rows(case))]
        parts += [f"<p>{escape(name)} was omitted: {escape(reason)}</p>" for name, reason in case.absent.items()]
    return parts


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>'
