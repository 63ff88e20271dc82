"""Each entry of a log is read once, although entries arrive late and out of order."""

from datetime import UTC, datetime, timedelta

import pytest

from firelib.launch.backends.vertex.logs.cursor import OVERLAP, LogCursor

START = datetime(2026, 11, 30, 12, tzinfo=UTC)


def entry(seconds, name, text=None):
    stamp = (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return {"timestamp": stamp, "insertId": name, "textPayload": text or name}


def read(cursor, *entries, asked=None):
    """Read what a service with these entries returns."""

    def list_entries(since):
        if asked is not None:
            asked.append(since)
        return [each for each in entries if since is None or datetime.fromisoformat(each["timestamp"]) >= since]

    return [line.rstrip() for line in cursor.read(list_entries)]


def test_only_what_is_new_is_read():
    cursor = LogCursor()
    assert read(cursor, entry(0, "a"), entry(1, "b")) == ["a", "b"]
    assert read(cursor, entry(0, "a"), entry(1, "b"), entry(2, "c")) == ["c"]
    assert read(cursor, entry(0, "a"), entry(1, "b"), entry(2, "c")) == []


def test_late_entries_are_read():
    cursor = LogCursor()
    read(cursor, entry(100, "late ones are missing"))
    assert read(cursor, entry(5, "late"), entry(99, "too"), entry(100, "late ones are missing")) == ["late", "too"]


def test_entries_with_the_same_timestamp_differ_by_their_id():
    cursor = LogCursor()
    assert read(cursor, entry(0, "a", "same"), entry(0, "b", "same")) == ["same", "same"]
    assert read(cursor, entry(0, "a", "same"), entry(0, "b", "same"), entry(0, "c", "same")) == ["same"]


def test_the_same_id_at_another_time_is_another_entry():
    cursor = LogCursor()
    assert read(cursor, entry(0, "a"), entry(1, "a")) == ["a", "a"]


def test_a_reading_begins_before_the_newest_entry():
    cursor, asked = LogCursor(), []
    read(cursor, entry(600, "a"), asked=asked)
    read(cursor, entry(600, "a"), asked=asked)
    assert asked == [None, START + timedelta(seconds=600) - OVERLAP]


def test_a_reading_that_breaks_goes_on_later():
    cursor = LogCursor()

    def broken(_):
        yield entry(0, "a")
        raise ConnectionError

    lines = []
    with pytest.raises(ConnectionError):
        lines.extend(cursor.read(broken))
    assert read(cursor, entry(0, "a"), entry(1, "b")) == ["b"]


def test_old_ids_are_forgotten():
    cursor = LogCursor()
    for number in range(50):
        read(cursor, entry(60 * number, f"line {number}"))
    assert len(cursor._seen) <= 3


@pytest.mark.parametrize("fraction", ["", ".5", ".123456", ".123456789"])
def test_timestamps_have_up_to_nine_digits(fraction):
    found = {"timestamp": f"2026-11-30T12:00:00{fraction}Z", "insertId": "a", "jsonPayload": {"message": "text\n"}}
    cursor = LogCursor()
    assert list(cursor.read(lambda _: [found])) == ["text\n"]
    assert list(cursor.read(lambda _: [found])) == []
