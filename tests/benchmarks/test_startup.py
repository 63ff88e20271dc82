"""The order of what happens around a timer."""

from benchmarks.startup import Command, Times, _rounds


def test_page_cache_is_dropped_after_the_preparation_and_before_the_timed_command() -> None:
    events: list[str] = []

    def run() -> Times:
        events.append("run")
        return Times(None, 1.0)

    command = Command(run, prepare=lambda: events.append("prepare"))
    assert _rounds({"a": command}, 1, lambda: events.append("drop")) == {"a": [Times(None, 1.0)]}
    assert events[:3] == ["prepare", "drop", "run"]
