import pytest

from firelib.doctor.finding import Finding
from firelib.errors import FirelibError


@pytest.mark.parametrize("status", ["warning", "error"])
def test_requires_a_remedy_unless_ok(status: str) -> None:
    with pytest.raises(ValueError, match="needs a remedy"):
        Finding("disk", status, "full")  # type: ignore[arg-type]
    assert Finding("disk", "ok", "fine").remedy is None


@pytest.mark.parametrize(("remedy", "expected"), [("free space", "free space"), (None, "see docs")])
def test_from_error_keeps_all_parts_of_the_error(remedy: str | None, expected: str) -> None:
    finding = Finding.from_error("disk", FirelibError("full", where="/data", remedy=remedy), "see docs")
    assert (finding.name, finding.status, finding.remedy) == ("disk", "error", expected)
    assert "full" in finding.detail
    assert "/data" in finding.detail
