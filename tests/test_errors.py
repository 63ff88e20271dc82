import pickle

from firelib.errors import FirelibError, did_you_mean


def test_message_says_what_where_and_remedy() -> None:
    text = str(FirelibError("split 'test' is empty", where="params.yaml: data.split", remedy="give it a larger share"))
    assert text.splitlines() == [
        "split 'test' is empty",
        "  where:  params.yaml: data.split",
        "  remedy: give it a larger share",
    ]


def test_parts_that_are_not_known_leave_no_empty_lines() -> None:
    assert str(FirelibError("no")) == "no"


def test_survives_pickling_between_processes() -> None:
    error = FirelibError("what", where="where", remedy="remedy")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is FirelibError
    assert (copy.what, copy.where, copy.remedy) == ("what", "where", "remedy")


def test_hint_names_the_nearest_or_lists_all() -> None:
    known = ["learning_rate", "epochs"]
    assert did_you_mean("epoch", known) == "did you mean 'epochs'?"
    assert did_you_mean("zzz", known) == "known: epochs, learning_rate"
    assert did_you_mean("zzz", []) == "known: none"
