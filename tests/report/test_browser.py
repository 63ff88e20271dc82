"""The report in headless Chromium: no request, no message on the console, light and dark, wide and narrow."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from firelib.report.project import ReportedProject
from tests.project import ROOT
from tests.report.chromium import PROGRAM, Seen, open_page
from tests.report.finished import OUT

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: on Debian, apt-get install chromium"),
]
EVIDENCE = ROOT / "docs" / "evidence" / "report.html"


@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (1000, "dark"), (400, "light")])
def test_a_report_is_quiet_and_fits(pristine: ReportedProject, width: int, scheme: str) -> None:
    check(pristine.folder / OUT / "report.html", width, scheme)


@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (400, "dark")])
def test_the_committed_evidence_is_quiet_and_fits(width: int, scheme: str) -> None:
    check(EVIDENCE, width, scheme)


def check(file: Path, width: int, scheme: str) -> None:
    seen = open_page(file, width, scheme)
    assert [url for url in seen.requests if not url.startswith(("data:", file.resolve().as_uri()))] == []
    assert seen.messages == []
    assert seen.width <= width
    assert is_dark(seen) == (scheme == "dark")


def is_dark(seen: Seen) -> bool:
    """Whether the corner of the screenshot is dark."""
    red, green, blue = Image.open(BytesIO(seen.picture)).convert("RGB").getpixel((2, 2))
    return red + green + blue < 3 * 128
