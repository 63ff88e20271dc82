import pickle
from pathlib import Path
from typing import Any

import pytest

from firelib.errors import FirelibError, MergeConflictError, StoppedError, did_you_mean, find_merge_conflict
from tests.errors import refused


def test_message_has_what_where_and_remedy() -> None:
    text = str(FirelibError("split 'test' is empty", where="params.yaml: data.split", remedy="give it a larger share"))
    assert text.splitlines() == [
        "split 'test' is empty",
        "  where:  params.yaml: data.split",
        "  remedy: give it a larger share",
    ]


def test_missing_parts_leave_no_empty_lines() -> None:
    assert str(FirelibError("no")) == "no"


def test_survives_pickling_between_processes() -> None:
    error = FirelibError("what", where="where", remedy="remedy")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is FirelibError
    assert (copy.what, copy.where, copy.remedy) == ("what", "where", "remedy")


def test_did_you_mean_suggests_the_closest_or_lists_all() -> None:
    known = ["learning_rate", "epochs"]
    assert did_you_mean("epoch", known) == "did you mean 'epochs'?"
    assert did_you_mean("zzz", known) == "known: epochs, learning_rate"
    assert did_you_mean("zzz", []) == "known: none"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_merge_conflict_has_its_line_and_a_remedy(end: str) -> None:
    text = end.join(["a: 1", "<<<<<<< HEAD", "b: 2", "=======", "b: 3", ">>>>>>> other", ""])
    for content in (text, text.encode()):
        error = find_merge_conflict(content, "dvc.lock")
        assert error is not None
        with refused(what=["line 2", "HEAD"], where="dvc.lock", remedy="git checkout", kind=MergeConflictError):
            raise error


@pytest.mark.parametrize(
    "content",
    ["", "{", " <<<<<<< HEAD\n >>>>>>> x", "<<<<<<<< HEAD\n>>>>>>>> x", ">>>>>>> x\n<<<<<<< HEAD", b"\xff\n<<<<<<< x"],
)
def test_other_text_is_no_merge_conflict(content: str | bytes) -> None:
    assert find_merge_conflict(content, "x") is None


def fail() -> None:
    what = "row 13 of days.csv: value -1\nspeed is unknown"
    raise FirelibError(what, where="data/days.csv", remedy="did you mean 'day'?")


def test_refused_finds_whole_words_in_their_field() -> None:
    with refused(what=["days.csv", 13, ("row", -1), "speed"], where=Path("data/days.csv"), remedy="day") as caught:
        fail()
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"what": "day"},
        {"what": 3},
        {"what": [13, "other"]},
        {"what": [("row", -2)]},
        {"what": [("row", "speed")]},
        {"where": "day"},
        {"remedy": "days"},
    ],
)
def test_refused_fails_and_shows_all_fields(fields: dict[str, Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"(?s)lacks.*what: .*where: .*remedy: "), refused(**fields):
        fail()


def test_refused_fails_without_an_error_or_with_another_class() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"), refused(what="row"):
        pass
    with pytest.raises(FirelibError, match="row 13"), refused(what="row", kind=StoppedError):
        fail()


@pytest.mark.parametrize("fields", [{}, {"what": ""}, {"where": []}, {"what": [()]}])
def test_refused_rejects_assertions_that_cannot_fail(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="any error would pass"), refused(**fields):
        fail()


def test_headline_is_the_first_line_of_what() -> None:
    assert FirelibError("first\nsecond", where="params.yaml").headline == "first"
