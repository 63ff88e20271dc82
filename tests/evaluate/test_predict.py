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
    ("text", "named"),
    [
        ("", "no rows"),
        ("[{]", "JSON"),
        ("  \n ", "no rows"),
        ("[]", "no rows"),
        ("[1]", "row 0"),
        ("number,word\n1", "line 2"),
        ("number,word\n1,a,b", "line 2"),
        ("number,word", "no rows"),
    ],
)
def test_unreadable_rows(text, named):
    with pytest.raises(FirelibError) as caught:
        read_rows(text, "here", FEATURES)
    assert named in caught.value.what
    assert caught.value.where == "here"


def test_a_word_in_csv_stays_as_it_is_written():
    """Airports are called NAN and INF, and codes have leading zeros."""
    rows = read_rows("number,word\n1,NAN\n2.5,INF\n3,007\n", "here", FEATURES)
    assert rows == [{"number": 1, "word": "NAN"}, {"number": 2.5, "word": "INF"}, {"number": 3, "word": "007"}]


def test_all_problems_are_named_at_once(tmp_path):
    nan = float("nan")
    rows = [{"number": 11, "wrd": "up"}, {"number": "many", "word": 7, "count": 1.5}, {"word": "upward", "count": nan}]
    with pytest.raises(FirelibError) as caught:
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


def test_no_model_yet(tmp_path):
    with pytest.raises(FirelibError) as caught:
        predict([{"number": 1, "word": "up"}], FEATURES, tmp_path)
    assert str(tmp_path) in caught.value.what
    assert "firelib train" in caught.value.remedy


PIXELS = (Feature("image", "uint8", shape=(2, 3)), Feature("shift", "float32", shape=(2,), range=(-1, 1)))
GOOD = [[0, 1, 2], [3, 4, 255]]


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("shoe.png", ["(2, 3)", "'shoe.png'"]),
        ([[0, 1], [2]], ["(2, 3)", "lengths"]),
        ([[0, 1, 2]], ["(2, 3)", "[[0, 1, 2]]"]),
        ([[0, 1, 2], [3, 4, 256]], ["(0, 255)", "0 to 256"]),
        ([[0, 1, 2], [3, 4, 0.5]], ["whole numbers"]),
        (list(range(50)), ["(2, 3)", "…"]),
    ],
)
def test_arrays_are_checked(tmp_path, image, parts):
    with pytest.raises(FirelibError) as caught:
        predict([{"image": GOOD, "shift": [0, 2]}, {"image": image, "shift": [0, 1]}], PIXELS, tmp_path)
    shift, picture = caught.value.what.splitlines()
    assert shift.startswith("row 0: shift ")
    assert "(-1, 1)" in shift
    assert picture.startswith("row 1: image ")
    assert all(part in picture for part in parts), picture


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory):
    """A model whose outputs are the shares of three sums of pixels."""
    import keras

    folder = tmp_path_factory.mktemp("model")
    image = keras.Input((2, 3), name="image", dtype="uint8")
    sums = keras.ops.sum(keras.ops.cast(image, "float32"), axis=1)
    keras.Model({"image": image}, sums / keras.ops.sum(sums, axis=1, keepdims=True)).save(folder / "model.keras")
    return folder


@pytest.mark.parametrize("image", [[[1, 0, 0], [0, 2, 1]], [1, 0, 0, 0, 2, 1]])
def test_classes_are_named_the_likeliest_first(three_classes, image):
    named = predict([{"image": image}], PIXELS[:1], three_classes, ("a", "b", "c"))
    assert list(named[0].items()) == [("b", 0.5), ("a", 0.25), ("c", 0.25)]
    assert list(predict([{"image": image}], PIXELS[:1], three_classes)[0]) == ["1", "0", "2"]
