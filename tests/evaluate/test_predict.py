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


PIXELS = (Feature("image", "uint8", shape=(2, 3)), Feature("shift", "float32", shape=(2,), range=(-1, 1)))
GOOD = [[0, 1, 2], [3, 4, 255]]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("shoe.png", r"should be an array of shape (2, 3), got 'shoe.png'"),
        ([[0, 1], [2]], "got rows of different lengths"),
        ([[0, 1, 2]], "should be an array of shape (2, 3), got [[0, 1, 2]]"),
        ([[0, 1, 2], [3, 4, 256]], "should be within (0, 255), got 0 to 256"),
        ([[0, 1, 2], [3, 4, 0.5]], "should hold whole numbers"),
        (list(range(50)), "…"),
    ],
)
def test_arrays_are_checked(tmp_path, image, message):
    with pytest.raises(FirelibError) as caught:
        predict([{"image": GOOD, "shift": [0, 2]}, {"image": image, "shift": [0, 1]}], PIXELS, tmp_path)
    assert "row 0: shift should be within (-1, 1), got 0 to 2" in str(caught.value)
    assert f"row 1: image {message}" in str(caught.value) or message in str(caught.value)


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
