"""Turn a report into one HTML file: no script, no request, styles and pictures inside."""

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from firelib.errors import FirelibError
from firelib.report.content import Report

#: Bytes of a report, so that it can be sent and committed.
MOST_BYTES = 2_000_000


def environment() -> Environment:
    """The templates of this package. Everything that they show is escaped: it comes from files of others."""
    return Environment(
        loader=PackageLoader("firelib.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_html(report: Report) -> str:
    """Render a report.

    Args:
        report: The report.

    Returns:
        The text of an HTML file.

    Raises:
        FirelibError: The file would have 2 MB or more.
    """
    style = (resources.files("firelib.report") / "templates" / "style.css").read_text(encoding="utf-8")
    text = environment().get_template("report.html.jinja").render(report=report, style=style)
    if (size := len(text.encode())) >= MOST_BYTES:
        raise FirelibError(
            f"the report has {size:,} bytes, expected less than {MOST_BYTES:,}",
            where=report.title,
            remedy="remove results from benchmarks/results/ or records from .firelib/, and report again",
        )
    return text
