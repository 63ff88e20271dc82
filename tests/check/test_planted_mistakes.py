"""Every planted mistake is found, with its line."""

from pathlib import Path

import pytest

from firelib.check.description import explain_obstacle
from firelib.check.model.check_model import check_model
from tests.check.signs import Mistake, describe, write_project

SOURCE = {
    "missing file": Mistake('"rows.csv"', '"row.csv"', ("row.csv",)),
    "unknown scheme": Mistake('"rows.csv"', '"htp://a.b/rows.csv"', ("htp",)),
    "no sha256": Mistake('"rows.csv"', '"https://a.invalid/rows.csv"', ("sha256",)),
    "unknown type": Mistake('"rows.csv"', '"rows.csv", types={"id": "int65"}', ("int65",)),
    "wrong type": Mistake('"rows.csv"', '"rows.csv", types={"word": "int64"}', ("'a'", "int64")),
    "commit_by": Mistake('"rows.csv"', '"rows.csv", commit_by=("mont",)', ("mont",)),
}
TRANSFORM = {
    "unknown column": Mistake('rows["number"] * 2', 'rows["nummber"] * 2', ("nummber",)),
    "missing feature": Mistake('Feature("word"', 'Feature("wort"', ("wort",)),
    "wrong dtype": Mistake(
        'Feature("word", "string", max_length=3)', 'Feature("word", "float32")', ("word", "float32")
    ),
    "range": Mistake("range=(-9, 9)", "range=(10, 20)", ("number", "[10, 20]", "300 of 300")),
    "key": Mistake('key = ("id",)', 'key = ("month",)', ("296 of 300", "month=")),
    "returns nothing": Mistake("    return rows\n", "    rows\n", ("transform", "NoneType"), at="def transform"),
    "constant label": Mistake(
        "    return rows\n", "    return rows.assign(positive=1)\n", ("positive", "1"), at="label ="
    ),
    "inverted mask": Mistake(
        "def build_model",
        'def exclude(rows):\n    return {"small": rows["number"] < 1.5}\n\n\ndef build_model',
        ("exclude leaves", "of 300", "small"),
        at="def exclude",
        severity="warning",
    ),
    "rule for most rows": Mistake(
        "def build_model",
        'def set_aside(rows):\n    return {"too small": rows["number"] < 100}\n\n\ndef build_model',
        ("too small: 300 of 300",),
        at="def set_aside",
    ),
    "rule for an unknown column": Mistake(
        "def build_model",
        'def set_aside(rows):\n    return {"small": rows["nummber"] < 1}\n\n\ndef build_model',
        ("set_aside", "nummber"),
        at='rows["nummber"] < 1',
    ),
    "rule that fails": Mistake(
        "def build_model",
        'def set_aside(rows):\n    return {"small": 1 / 0}\n\n\ndef build_model',
        ("set_aside: ZeroDivisionError",),
        at="1 / 0",
    ),
    "blanks in the header": Mistake("id,month,number,word", "id,month,number, word", ("' word'",), at="sources"),
    "null label": Mistake(
        "    return rows\n", "    return rows.assign(positive=None)\n", ("positive", "null"), at="label ="
    ),
}
CONFIGURATION = {
    "unknown key": Mistake("epochs: 2", "epocs: 2", ("epocs", "epochs")),
    "power without a point": Mistake("lr: 0.05", "lr: 5e-2", ("train.lr", "5.0e-2")),
    "text for a number": Mistake("lr: 0.05", "lr: fast", ("train.lr", "fast")),
    "model parameter": Mistake("width: 2", "widht: 2", ("model.widht", "width")),
    "split": Mistake("train: 0.6", "train: 0.7", ("data.split", "1.1"), at="split:"),
    "not YAML": Mistake("  lr: 0.05", "  lr: [0.05", ("YAML",), at="  seed: 1"),
    "unknown recipe": Mistake("recipe: recipe.py", "recipe: recip.py", ("recip.py",)),
    "names for class weights": Mistake(
        "  seed: 1", "  seed: 1\n  class_weights: {yes-sir: 3.0}", ("class_weights", "yes-sir"), at="class_weights"
    ),
    "class weights": Mistake("  seed: 1", "  seed: 1\n  class_weights: {2: 3.0}", ("class 2",), at="class_weights"),
}
MODEL = {
    "width of the output": Mistake("Dense(1", "Dense(3", ("[rows, 3]", "positive"), at="Dense(3"),
    "unknown feature": Mistake('features["word"]', 'features["wort"]', ("wort",), at='features["wort"]'),
    "unknown input": Mistake('{"number": number', '{"numbers": number', ("numbers",), at='{"numbers"'),
    "unknown loss": Mistake('"binary_crossentropy"', '"binary_crossentopy"', ("binary_crossentopy",), at="compile("),
    "not compiled": Mistake(
        "    model.compile(", "    repr, (lambda *a, **b: None)(", ("compiled",), at="def build_model"
    ),
    "dtype of an input": Mistake(
        'name="word", dtype="string"', 'name="word", dtype="int64"', ("word",), at='dtype="int64"'
    ),
    "no probability": Mistake(
        'Dense(1, activation="sigmoid")', "Dense(1)", ("probability", "from -"), at="positive = keras"
    ),
    "embedding too small": Mistake("Embedding(5", "Embedding(2", ("Embedding", "[0, 2)"), at="Embedding(2"),
    "fixed batch": Mistake(
        "([number[:, None], keras",
        "([keras.ops.reshape(number, (7, 1)), keras",
        ("Reshape",),
        at="keras.ops.reshape",
    ),
    "NaN inside": Mistake(
        "number[:, None],", "keras.ops.log(number - 100)[:, None],", ("'log'", "nan"), at="keras.ops.log"
    ),
    "loss that is NaN": Mistake(
        '"binary_crossentropy"', "lambda y, p: p[:, 0] * float('nan')", ("finite", "nan"), at="compile("
    ),
    "metric that a callback watches": Mistake(
        "def build_model",
        "def callbacks(params):\n    import keras\n\n"
        '    return [keras.callbacks.ReduceLROnPlateau("val_accuracy")]\n\n\ndef build_model',
        ("ReduceLROnPlateau", "val_accuracy"),
        at='ReduceLROnPlateau("val_accuracy")',
    ),
    "numbers out of reach": Mistake(
        'label = Feature("positive", "int64", range=(0, 1))',
        'label = Feature("month", "float32")',
        ("sigmoid", "month"),
        at="positive = keras",
        severity="warning",
    ),
    "metric that stops": Mistake("metric: val_loss", "metric: val_los", ("val_los",)),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


PART_ONE = {**SOURCE, **TRANSFORM, **CONFIGURATION}


@pytest.mark.parametrize("name", PART_ONE)
def test_a_mistake_in_the_description_is_found(project: Path, name: str) -> None:
    PART_ONE[name].plant(project)
    PART_ONE[name].require_found(describe(project).findings, project)


@pytest.mark.parametrize("name", MODEL)
def test_a_mistake_in_the_model_is_found(project: Path, name: str) -> None:
    MODEL[name].plant(project)
    description = describe(project)
    assert description.findings == []
    MODEL[name].require_found(check_model(description).findings, project)


def test_a_project_without_mistakes_has_no_findings(project: Path) -> None:
    description = describe(project)
    assert description.findings == []
    checked = check_model(description)
    assert checked.findings == []
    assert checked.parameters


def test_all_mistakes_are_found_at_once(project: Path) -> None:
    together = [SOURCE["missing file"], CONFIGURATION["unknown key"], CONFIGURATION["model parameter"]]
    for mistake in together:
        mistake.plant(project)
    findings = describe(project).findings
    for mistake in together:
        mistake.require_found(findings, project)


def test_a_mistake_in_the_rows_hides_none_in_the_model(project: Path) -> None:
    """Without valid rows, the model is built with statistics from the declarations."""
    TRANSFORM["unknown column"].plant(project)
    MODEL["width of the output"].plant(project)
    description = describe(project)
    TRANSFORM["unknown column"].require_found(description.findings, project)
    assert explain_obstacle(description) is None
    MODEL["width of the output"].require_found(check_model(description).findings, project)


@pytest.mark.parametrize(
    ("function", "part"), [("build_model(features, params)", "model"), ("transform(rows)", "transform")]
)
def test_code_beside_the_recipe_is_not_imported(project: Path, function: str, part: str) -> None:
    """Its changes would not make another run."""
    (project / "our_network.py").write_text("")
    file = project / "recipe.py"
    file.write_text(file.read_text().replace(f"def {function}:", f"def {function}:\n    import our_network\n"))
    description = describe(project)
    found = [*description.findings, *(check_model(description).findings if part == "model" else ())]
    (finding,) = [each for each in found if "our_network" in each.what]
    assert finding.line
    assert "one file" in str(finding.remedy)


def test_a_misspelled_parameter_is_named_once(project: Path) -> None:
    CONFIGURATION["unknown key"].plant(project)
    assert [finding.what for finding in describe(project).findings] == [
        "train.epocs is unknown: did you mean 'epochs'?"
    ]
