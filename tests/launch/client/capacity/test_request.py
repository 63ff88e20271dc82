"""The options of `firelib plan --rows`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.launch.client.capacity.request import format_duration, parse_duration, parse_request
from tests.errors import refused


@pytest.mark.parametrize(("text", "rows"), [("1e9", 10**9), ("33.7e6", 33_700_000), ("1_000", 1000), ("12", 12)])
def test_rows(text, rows):
    assert parse_request({"rows": text}).rows == rows


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("1h30m", 5400), ("90m", 5400), ("5400", 5400), ("1.5h", 5400), ("1d", 86400)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@given(st.integers(0, 10**7))
def test_a_duration_is_shown_within_a_minute(seconds):
    shown = format_duration(seconds).replace(",", "").replace(" ", "").replace("min", "m")
    assert abs(parse_duration(shown) - seconds) <= 30


def test_all_wrong_options_are_in_one_error():
    given = {
        "rows": "many",
        "deadline": "2y",
        "machine": "a2-highgpu-1g",
        "replicas": 0,
        "latency_ms": -1.0,
        "to": "docker",
        "preemptions": 1e9,
    }
    named = [("rows", "many"), ("deadline", "2y"), ("machine", "a2-highgpu-1g"), ("to", "docker")]
    with refused(what=[*named, "replicas", "latency_ms", "preemptions"], remedy="docs/costs.md"):
        parse_request(given)


@pytest.mark.parametrize("rows", ["0", "-5", "1.5", "nan", "inf", "1e99"])
def test_impossible_rows_are_refused(rows):
    with refused(what="rows"):
        parse_request({"rows": rows})


def test_flex_start_is_refused_since_it_rents_gpus():
    with refused(what=[("provisioning", "on-demand or spot")], remedy="docs/costs.md"):
        parse_request({"rows": "1e6", "provisioning": "flex-start"})


def test_an_unknown_machine_comes_with_the_known_ones():
    with refused(what=[("x9-standard-8", "n1-standard-8")]):
        parse_request({"rows": "1e6", "machine": "x9-standard-8"})
