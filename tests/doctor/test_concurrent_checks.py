import threading
import time

from firelib.doctor.concurrent_checks import run_checks
from firelib.doctor.finding import Finding
from firelib.errors import FirelibError
from tests.patience import patience


def test_findings_keep_their_order_and_errors_are_findings() -> None:
    def fail() -> list[Finding]:
        raise FirelibError("refused", where="there")

    findings = run_checks(
        {"first": fail, "second": lambda: [Finding("second", "ok", "fine")]}, patience(20), "run something"
    )
    assert [(finding.name, finding.status) for finding in findings] == [("first", "error"), ("second", "ok")]
    assert "there" in findings[0].detail
    assert findings[0].remedy == "run something"


def test_a_check_that_hangs_does_not_hold_up_the_others() -> None:
    hanging = threading.Event()

    def hang() -> list[Finding]:
        hanging.wait(patience(60))
        return []

    begun = time.monotonic()
    findings = run_checks({"slow": hang, "quick": lambda: [Finding("quick", "ok", "fine")]}, 0.5, "check the network")
    hanging.set()
    assert time.monotonic() - begun < patience(30)
    assert findings[0] == Finding("slow", "error", "no response within 0.5 s", "check the network")
    assert findings[1].status == "ok"
