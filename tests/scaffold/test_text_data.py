"""Numbers, dates, codes and missing values that a file has as text: `firelib init` says what it makes of them."""

from pathlib import Path

import pyarrow as pa
import pytest

from firelib.data.preview import preview_samples
from firelib.recipe import TaskKind, load_recipe
from firelib.scaffold.data.data_source import Wish
from firelib.scaffold.data.duplicates import drop_copies
from firelib.scaffold.data.written import Call, read_written
from firelib.scaffold.init import NewProject, plan_project
from firelib.scaffold.names import to_identifier
from firelib.scaffold.write_files import write_files
from tests.errors import refused

ROWS = 120


def plan(folder: Path, header: str, lines: list[str], label: str = "y") -> NewProject:
    (folder / "rows.csv").write_text("\n".join([header, *lines]) + "\n")
    return plan_project(folder / "p", Wish(str(folder / "rows.csv")), [label])


@pytest.mark.parametrize(
    ("texts", "call"),
    [
        (["3,687.39", "12", "-"], Call("parse_numbers", (("thousands", ","),))),
        (["3.687,39 €", "12 €"], Call("parse_numbers", (("thousands", "."), ("decimal", ",")))),
        (["$1,234,567", "$5"], Call("parse_numbers", (("thousands", ","),))),
        (["7.5%", "12 %", "n/a"], Call("parse_numbers")),
        (["12 345.5", "6"], Call("parse_numbers")),
        (["31.01.2024", "1.2.2024"], Call("parse_dates", (("format", "%d.%m.%Y"),))),
        (["01/31/2024 10:30", "02/01/2024 11:00"], Call("parse_dates", (("format", "%m/%d/%Y %H:%M"),))),
        (["2024-01-31", "2024-02-01"], Call("parse_dates", (("format", "%Y-%m-%d"),))),
        (["2024-01-31T10:30:00.5", "2024-02-01 11:00"], Call("parse_dates", (("format", "ISO8601"),))),
        (["2024-01-31", "2024-02-01 11:00:01"], Call("parse_dates", (("format", "ISO8601"),))),
        (["2024-01-31T10:30Z", "2024-02-01T11:00+01:00"], Call("parse_dates", (("format", "ISO8601"), ("utc", True)))),
    ],
)
def test_notation_is_recognised(texts: list[str], call: Call) -> None:
    assert read_written(pa.table({"x": texts})).calls == {"x": call}


@pytest.mark.parametrize("texts", [["07775", "12345"], ["030 12345"], ["A12", "B7"], ["12", "13"], ["12 kg", "3 kg"]])
def test_other_texts_stay(texts: list[str]) -> None:
    reading = read_written(pa.table({"x": texts}))
    assert not reading.calls
    assert not reading.unclear


@pytest.mark.parametrize(
    "texts",
    [
        ["1,234", "5,678"],
        ["1,234.5", "1.234,5"],
        ["5 €", "$ 5"],
        ["01/02/2024", "03/04/2024"],
        ["2024-01-31", "1.2.2024"],
        ["2024-01-31T10:30Z", "2024-02-01T11:00"],
    ],
)
def test_unclear_notation_is_named(texts: list[str]) -> None:
    assert "`prepare`" in read_written(pa.table({"x": texts})).unclear["x"]


def test_recipe_parses_numbers_dates_and_missing_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f'"{1000 + row * 37.5:,.2f} €",{row % 28 + 1:02d}.{row % 12 + 1:02d}.2024,'
        f"{'n/a' if row % 9 == 0 else row % 13},"
        f"{'-' if row % 30 == 0 else 'ab'[row % 2]}"
        for row in range(ROWS)
    ]
    project = plan(tmp_path, "unit price,day,age,y", lines)
    write_files(tmp_path / "p", project.texts, project.copies)
    monkeypatch.chdir(tmp_path / "p")
    recipe = load_recipe("recipe.py")
    assert recipe.sources["rows"].null_values == ("", "NA", "-", "n/a")
    assert recipe.classes == ("a", "b")
    assert recipe.key == ("row",)
    samples = preview_samples(recipe, tmp_path / "p", ROWS)
    assert (samples.valid.num_rows, samples.set_aside.num_rows) == (ROWS - 4, 0)
    assert samples.valid["unit_price"].to_pylist()[0] == 1037.5
    assert samples.valid["day_month"].to_pylist()[:3] == [2.0, 3.0, 4.0]
    text = "\n".join(project.guesses)
    assert all(part in text for part in ("'-', 'n/a'", "'unit price'", "%d.%m.%Y"))


def test_minus_is_a_class_beside_plus(tmp_path: Path) -> None:
    assert plan(tmp_path, "x,y", [f"{row * 7 % 11},{'+-'[row % 2]}" for row in range(ROWS)]).draft.label.names == (
        "-",
        "+",
    )


@pytest.mark.parametrize(
    ("answers", "classes"),
    [
        (("ja", "nein"), ("nein", "ja")),
        (("Yes", "No"), ("No", "Yes")),
        (("fraud", "good", "good", "good"), ("good", "fraud")),
        (("a", "b", "b"), ("a", "b")),
    ],
)
def test_class_1_is_what_is_to_be_found(tmp_path: Path, answers: tuple[str, ...], classes: tuple[str, str]) -> None:
    project = plan(tmp_path, "x,y", [f"{row * 7 % 11},{answers[row % len(answers)]}" for row in range(ROWS)])
    assert project.draft.label.names == classes
    assert [each for each in project.guesses if each.startswith("prediction") and repr(classes[1]) in each]


def test_label_of_written_numbers_is_estimated(tmp_path: Path) -> None:
    project = plan(tmp_path, "x,y", [f'{row * 7 % 11},"{1000 + row * 37.5:,.2f}"' for row in range(ROWS)])
    assert project.draft.label.task is TaskKind.REGRESSION
    assert 'parse_numbers(rows, "y", thousands=",")' in project.texts["recipe.py"]
    with refused(what=["'y'", "1,000"]):
        plan(tmp_path, "x,y", [f'{row * 7 % 11},"{1000 + row:,}"' for row in range(ROWS)])


def test_leading_zeros_are_kept(tmp_path: Path) -> None:
    lines = [f"{row * 7 % 5000:06d},{['07775', '12345', '99999'][row % 3]},{row % 2}" for row in range(ROWS)]
    project = plan(tmp_path, "order no,postcode,y", lines)
    features = {feature.name: feature.arguments for feature in project.draft.features}
    assert list(features) == ["postcode"]
    assert features["postcode"].startswith('"string"')
    assert '"postcode": "string"' in project.texts["recipe.py"]


def test_copies_and_rare_classes_are_named(tmp_path: Path) -> None:
    lines = [*(f"{row}.5,{'ab'[row % 2]}" for row in range(ROWS)), "3.5,b", "0.25,rare"]
    text = "\n".join(plan(tmp_path, "x,y", lines).guesses)
    assert "1 row is a copy" in text
    assert "'rare'" in text


def test_copies_do_not_hide_the_key(tmp_path: Path) -> None:
    lines = [f"{1000 + row},{row % 7},{'ab'[row % 2]}" for row in range(ROWS)]
    project = plan(tmp_path, "order_id,x,y", [*lines, *lines[:3]])
    assert project.draft.key == ("order_id",)
    assert [each for each in project.guesses if "3 rows are copies" in each and "set" in each and "aside" in each]


def test_the_first_of_copies_is_kept_in_order() -> None:
    rows = pa.table({"x": [*range(50_000), 7, 8]})
    assert drop_copies(rows)["x"].to_pylist() == [*range(50_000)]


def test_umlauts() -> None:
    assert [to_identifier(name) for name in ("größe", "Öl", "naïve")] == ["groesse", "Oel", "naive"]


def test_all_kinds_of_sources_are_named(tmp_path: Path) -> None:
    with refused(what=["'ftp'", "s3", "sqlite://", "delta+s3://"]):
        plan_project(tmp_path / "p", Wish("ftp://example.org/rows.csv"), [])


def test_label_in_another_case_is_suggested(tmp_path: Path) -> None:
    with refused(what="'Y'", remedy="'y'"):
        plan(tmp_path, "x,y", ["1,a", "2,b", "3,a"], "Y")


def test_several_labels_in_one_option_are_told_apart(tmp_path: Path) -> None:
    with refused(what="'y,z'", remedy="--label y --label z"):
        plan(tmp_path, "x,y,z", ["1,0,1", "2,1,0", "3,1,1"], "y,z")
    with refused(what="'y,the z'", remedy="--label y --label 'the z'"):
        plan(tmp_path, "x,y,the z", ["1,0,1", "2,1,0", "3,1,1"], "y,the z")


def test_words_among_numbers_are_named(tmp_path: Path) -> None:
    lines = [f"{'not done' if row % 40 == 1 else row % 30 / 4},{row % 7},{'ab'[row % 2]}" for row in range(ROWS)]
    (line,) = [each for each in plan(tmp_path, "creatinine,x,y", lines).guesses if "not done" in each]
    assert "'creatinine'" in line
    assert "null_values" in line


@pytest.mark.parametrize("word", ["k.A.", "auf Anfrage"])
def test_a_word_in_a_label_of_numbers_is_a_missing_value(tmp_path: Path, word: str) -> None:
    lines = [f"{row % 7},{word if row % 9 == 4 else row / 4}" for row in range(ROWS)]
    project = plan(tmp_path, "x,y", lines)
    assert project.draft.label.task is TaskKind.REGRESSION
    assert project.draft.label.missing == sum(row % 9 == 4 for row in range(ROWS))
    assert [each for each in project.guesses if each.startswith("missing values") and word in each]


def test_a_word_that_is_a_category_elsewhere_stays(tmp_path: Path) -> None:
    lines = [
        f"{'none at all' if row % 40 == 1 else row / 4},{('none at all', 'b')[row % 2]},{row % 2}"
        for row in range(ROWS)
    ]
    guesses = plan(tmp_path, "x,kind,y", lines).guesses
    assert [each for each in guesses if each.startswith("words among numbers") and "'x'" in each]


def test_ranks_with_letters_are_classes(tmp_path: Path) -> None:
    ranks = [*map(str, range(2, 11)), "J", "Q", "K", "A"]
    assert len(plan(tmp_path, "x,y", [f"{row % 7},{ranks[row % 13]}" for row in range(300)]).draft.label.names) == 13


def test_classes_that_differ_only_by_blanks_or_case_are_named(tmp_path: Path) -> None:
    lines = [f"{row % 7},{('no', 'yes', 'Yes', 'yes ')[row % 4]}" for row in range(ROWS)]
    (line,) = [each for each in plan(tmp_path, "x,y", lines).guesses if "'Yes'" in each]
    assert "'yes '" in line
    assert "'no'" not in line


def test_values_that_only_rows_without_a_label_lack_are_not_missing(tmp_path: Path) -> None:
    lines = ["," if row % 20 == 3 else f"{'uvw'[row % 3]},{'ab'[row % 2]}" for row in range(ROWS)]
    (feature,) = plan(tmp_path, "x,y", lines).draft.features
    assert "nullable" not in feature.arguments


def test_one_long_text_does_not_make_all_records_long(tmp_path: Path) -> None:
    lines = [f"{'long ' * 3000 if row == 5 else 'uvw'[row % 3]},{'ab'[row % 2]}" for row in range(ROWS)]
    (feature,) = plan(tmp_path, "x,y", lines).draft.features
    assert feature.arguments == '"string"'


def test_an_identifier_with_a_few_copies_is_no_feature(tmp_path: Path) -> None:
    lines = [f"{1000 + row - row % 30 // 29},{row % 7},{'ab'[row % 2]}" for row in range(ROWS)]
    draft = plan(tmp_path, "order_id,x,y", lines).draft
    assert [each.column for each in draft.left_out] == ["order_id"]
