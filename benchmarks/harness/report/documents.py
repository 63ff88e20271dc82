"""The results in docs/benchmarks.md, docs/costs.md and README.md, between markers."""

import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.harness.figures import is_reached
from benchmarks.harness.report import machines, tables
from benchmarks.harness.schema import Case, Finding, Result
from benchmarks.questions import QUESTIONS, Form

ROOT = Path(__file__).parents[3]
PAGE, COSTS, README = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "costs.md", ROOT / "README.md"
_LONGEST_REASON = 300  # characters

# What the README shows: benchmark, data, figure. Those that are not measured are left out.
HEADLINES = (
    ("tfrecord_write", "20 numbers", "firelib ÷ tfx-bsl"),
    ("tfrecord_write", "20 numbers", "firelib ÷ Ray Data"),
    ("tfrecord_write", "8 numbers, 4 strings", "firelib ÷ tfx-bsl"),
    ("tfrecord_read", "images 28×28, inside TensorFlow", "firelib ÷ parse_example"),
    ("tfrecord_read", "20 numbers, inside TensorFlow", "firelib ÷ parse_example"),
    ("tfrecord_read", "8 numbers, 4 strings, inside TensorFlow", "firelib ÷ parse_example"),
    ("tfrecord_read", "20 numbers, Python loop", "firelib ÷ Ray Data"),
    ("training_flights", "flights, batches of 1024, one worker on two cores", "firelib ÷ fit"),
    ("training_fashion_mnist", "fashion_mnist, batches of 256, one worker on two cores", "firelib ÷ fit"),
)


def update_documents(results: Sequence[Result]) -> None:
    """Write the results into the documents."""
    for path, content in render_documents(results).items():
        path.write_text(content)


def render_documents(results: Sequence[Result]) -> dict[Path, str]:
    """The documents with these results: path → content."""
    page = replace_between(PAGE.read_text(), "questions", questions_table())
    page = replace_between(page, "results", results_page(results))
    return {
        PAGE: page,
        COSTS: _costs_page(COSTS.read_text(), results),
        README: replace_between(README.read_text(), "benchmarks", headlines_table(results)),
    }


def replace_between(text: str, name: str, content: str) -> str:
    """Replace what is between two markers.

    Args:
        text: A document.
        name: Name of its markers.
        content: Markdown.
    """
    begin, end = f"<!-- {name}: written by python -m benchmarks.harness.report -->\n", f"<!-- end of {name} -->\n"
    before, rest = text.split(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"


def questions_table() -> str:
    """The questions and their duration."""
    rows = [
        [
            f"`{each.name}`",
            each.asks,
            _duration(each.short),
            _duration(each.full),
            ", ".join((*each.needs, *each.full.needs)),
        ]
        for each in QUESTIONS
    ]
    return markdown(("benchmark", "question", "minutes", "with `--full`", "needs"), rows)


def _duration(form: Form | None) -> str:
    return f"{form.minutes:g}" if form else ""


def _costs_page(text: str, results: Sequence[Result]) -> str:
    """The page with the cost of each stage; as it was if that has not been measured."""
    for result in results:
        if result.name == "stages":
            return replace_between(text, "stages", stages_table(result))
    return text


def stages_table(result: Result) -> str:
    """What each stage costs.

    Args:
        result: The answer to the question `stages`.
    """
    headers = ("stage", "wall, s", "start-up, s", "peak memory, MiB")
    return markdown(headers, [[case.title, *_stage_cells(case)] for case in result.cases])


def _stage_cells(case: Case) -> list[str]:
    seconds = {bar.name: bar.value for bar in case.bars}
    peak = {line.what: line.value for line in case.findings}["peak memory"]
    return [f"{value:,.0f}" for value in (seconds["whole stage"], seconds["start-up"], peak)]


def headlines_table(results: Sequence[Result]) -> str:
    """The most important figures."""
    found = {(result.name, case.title): (result, case) for result in reversed(results) for case in result.cases}
    rows = []
    for name, title, what in HEADLINES:
        if (name, title) not in found:
            continue
        result, case = found[name, title]
        rows += [_headline(result, title, line) for line in case.findings if line.what == what]
    return markdown(("", "data", "ratio", "median (lowest … highest)", "goal", "reached"), rows)


def _headline(result: Result, title: str, line: Finding) -> list[str]:
    value = f"{tables.short(line.value)} {line.unit} ({tables.spread(line)})"
    return [f"{result.question}{tables.marks(result)}", title, line.what, value, line.goal, is_reached(line)]


def results_page(results: Sequence[Result]) -> str:
    """The findings of each benchmark, then the figures and settings of each way."""
    parts = []
    for name, own in machines.by_name(results).items():
        parts += [f"### {name}", ""]
        if len(own) > 1:
            header, *rows = machines.side_by_side(own)
            parts += ["On several machines:", "", markdown(header, rows)]
        parts += [part for result in own for part in _section(result)]
    return "\n".join(parts)


def _section(result: Result) -> list[str]:
    parts = [tables.describe(result), "", markdown(tables.HEADERS[1:], [row[1:] for row in tables.rows(result)])]
    for case in result.cases:
        if any(bar.settings for bar in case.bars):
            parts += [f"{case.title}, {case.unit}:", "", _ways(tables.way_rows(case))]
        parts += [f"{name} was omitted: {_plain(reason)}\n" for name, reason in case.absent.items()]
    return parts


def _plain(reason: str) -> str:
    """A reason, which may be the output of a program, as one line without markup."""
    return escape(textwrap.shorten(reason, _LONGEST_REASON, placeholder=" …"), quote=False)


def _ways(rows: list[list[str]]) -> str:
    """A table of ways, without the columns that no way has."""
    used = [index for index in range(len(tables.WAY_HEADERS)) if any(row[index] for row in rows)]
    return markdown([tables.WAY_HEADERS[index] for index in used], [[row[index] for index in used] for row in rows])


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(_escape(cell) for cell in line)} |" for line in lines) + "\n"


def _escape(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
