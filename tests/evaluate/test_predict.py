import pytest

from firelib.errors import FirelibError
from firelib.evaluate.predict import predict, read_rows
from firelib.recipe import Feature

FEATURES = (
    Feature("number", "float32", range=(0, 10), nullable=True),
    Feature("word", "string", max_length=5),
)


@pytest.mark.parametrize(
    "text",
    [
        '[{"number": 1.5, "word": "up"}, {"number": null, "word": "left"}]',
        '{"number": 1.5, "word": "up"}\n{"number": null, "word": "left"}\n',
        "number,word\n1.5,up\nNA,left\n",
    ],
)
def test_rows_in_every_format(text):
    assert read_rows(text, "here", FEATURES) == [{"number": 1.5, "word": "up"}, {"number": None, "word": "left"}]


def test_one_object_over_several_lines():
    assert read_rows('{\n  "number": 1,\n  "word": "up"\n}', "here", FEATURES) == [{"number": 1, "word": "up"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("[{]", "not JSON"),
        ("  \n ", "no rows"),
        ("[]", "no rows"),
        ("[1]", "row 0 is 1"),
        ("number,word\n1", "line 2 has not 2 values"),
        ("number,word\n1,a,b", "line 2 has not 2 values"),
        ("number,word", "no rows"),
    ],
)
def test_unreadable_rows(text, message):
    with pytest.raises(FirelibError, match=message):
        read_rows(text, "here", FEATURES)


def test_a_word_in_csv_stays_as_it_is_written():
    """Airports are called NAN and INF, and codes have leading zeros."""
    rows = read_rows("number,word\n1,NAN\n2.5,INF\n3,007\n", "here", FEATURES)
    assert rows == [{"number": 1, "word": "NAN"}, {"number": 2.5, "word": "INF"}, {"number": 3, "word": "007"}]


def test_all_problems_are_named_at_once(tmp_path):
    nan = float("nan")
    rows = [{"number": 11, "wrd": "up"}, {"number": "many", "word": 7, "count": 1.5}, {"word": "upward", "count": nan}]
    with pytest.raises(FirelibError) as caught:
        predict(rows, (*FEATURES, Feature("count", "int64", nullable=True, missing=-1)), tmp_path)
    message = str(caught.value)
    for part in (
        "row 0: unknown 'wrd': did you mean 'word'?",
        "row 0: number should be within (0, 10), got 11",
        "row 0: word is missing",
        "row 1: number should be a number, got 'many'",
        "row 1: word should be a string, got 7",
        "row 1: count should be a whole number, got 1.5",
        "row 2: count should be a whole number, got nan",
        "row 2: word should have at most 5 bytes, got 'upward'",
    ):
        assert part in message


def test_no_model_yet(tmp_path):
    with pytest.raises(FirelibError, match=r"no model(.|\n)*firelib train"):
        predict([{"number": 1, "word": "up"}], FEATURES, tmp_path)
