import pytest

from firelib.evaluate.predict import predict, read_rows
from firelib.recipe import Feature
from tests.errors import refused

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
def test_reads_every_format(text):
    assert read_rows(text, "here", FEATURES) == [{"number": 1.5, "word": "up"}, {"number": None, "word": "left"}]


def test_one_object_over_several_lines():
    assert read_rows('{\n  "number": 1,\n  "word": "up"\n}', "here", FEATURES) == [{"number": 1, "word": "up"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "none"),
        ("[{]", "JSON"),
        ("  \n ", "none"),
        ("[]", "none"),
        ("[1]", "row 0"),
        ("number,word\n1", [("line 2", 2, 1)]),
        ("number,word\n1,a,b", [("line 2", 2, 3)]),
        ("number,word", "none"),
    ],
)
def test_invalid_rows(text, expected):
    with refused(what=expected, where="here"):
        read_rows(text, "here", FEATURES)


def test_strings_in_csv_are_not_parsed():
    """There are airports called NAN and INF, and codes with leading zeros."""
    rows = read_rows("number,word\n1,NAN\n2.5,INF\n3,007\n", "here", FEATURES)
    assert rows == [{"number": 1, "word": "NAN"}, {"number": 2.5, "word": "INF"}, {"number": 3, "word": "007"}]


def test_names_all_problems_at_once(tmp_path):
    nan = float("nan")
    rows = [{"number": 11, "wrd": "up"}, {"number": "many", "word": 7, "count": 1.5}, {"word": "upward", "count": nan}]
    with refused(what="row 0", where="input rows", remedy="firelib data show") as caught:
        predict(rows, (*FEATURES, Feature("count", "int64", nullable=True, missing=-1)), tmp_path)
    problems = caught.value.what.splitlines()
    for row, *parts in (
        ("row 0:", "'wrd'", "'word'"),
        ("row 0:", "number", "(0, 10)", "11"),
        ("row 0:", "word", "missing"),
        ("row 1:", "number", "'many'"),
        ("row 1:", "word", "string", "7"),
        ("row 1:", "count", "1.5"),
        ("row 2:", "count", "nan"),
        ("row 2:", "word", "5 bytes", "'upward'"),
    ):
        assert any(line.startswith(row) and all(part in line for part in parts) for line in problems), (row, parts)


def test_missing_model(tmp_path):
    with refused(what=tmp_path, where=tmp_path, remedy="firelib train"):
        predict([{"number": 1, "word": "up"}], FEATURES, tmp_path)


PIXELS = (Feature("image", "uint8", shape=(2, 3)), Feature("shift", "float32", shape=(2,), range=(-1, 1)))
GOOD = [[0, 1, 2], [3, 4, 255]]


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("shoe.png", ["(2, 3)", "'shoe.png'"]),
        ([[0, 1], [2]], ["(2, 3)", "lengths"]),
        ([[0, 1, 2]], ["(2, 3)", "[[0, 1, 2]]"]),
        ([[0, 1, 2], [3, 4, 256]], ["(0, 255)", "0 to 256"]),
        ([[0, 1, 2], [3, 4, 0.5]], ["integers"]),
        (list(range(50)), ["(2, 3)", "[0, 1, 2"]),
    ],
)
def test_validates_arrays(tmp_path, image, parts):
    with refused(what=[("row 0: shift", "(-1, 1)"), ("row 1: image", *parts)]) as caught:
        predict([{"image": GOOD, "shift": [0, 2]}, {"image": image, "shift": [0, 1]}], PIXELS, tmp_path)
    lines = caught.value.what.splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < 150, "long values are abbreviated"


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory):
    """Save a model with three outputs: the share of each column in the sum of all pixels."""
    import keras

    folder = tmp_path_factory.mktemp("model")
    image = keras.Input((2, 3), name="image", dtype="uint8")
    sums = keras.ops.sum(keras.ops.cast(image, "float32"), axis=1)
    keras.Model({"image": image}, sums / keras.ops.sum(sums, axis=1, keepdims=True)).save(folder / "model.keras")
    return folder


@pytest.mark.parametrize("image", [[[1, 0, 0], [0, 2, 1]], [1, 0, 0, 0, 2, 1]])
def test_classes_come_by_decreasing_probability(three_classes, image):
    named = predict([{"image": image}], PIXELS[:1], three_classes, ("a", "b", "c"))
    assert list(named[0].items()) == [("b", 0.5), ("a", 0.25), ("c", 0.25)]
    assert list(predict([{"image": image}], PIXELS[:1], three_classes)[0]) == ["1", "0", "2"]
