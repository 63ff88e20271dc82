"""Splits of new projects: by group and by time, and how to switch to them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from firelib.config import Split, load_params
from firelib.data.preview import preview_samples
from firelib.data.split.assignment import assign_by_hash, assign_splits, hash_groups, to_scalar
from firelib.recipe import SPLITS, load_recipe
from firelib.scaffold.data.data_source import Wish
from firelib.scaffold.init import NewProject, plan_project
from firelib.scaffold.split.shares import choose_group_shares
from firelib.scaffold.split.times import choose_cuts
from firelib.scaffold.split.wish import SplitWish
from firelib.scaffold.write_files import write_files
from tests.errors import refused

VISITS, PATIENTS = 6, 40
HEADER = "patient no,visited,age,dose,response"


def write_visits(folder: Path) -> Path:
    """Several rows for each of some patients, one a day."""
    lines = [HEADER]
    for row in range(VISITS * PATIENTS):
        patient, day = row % PATIENTS, date(2024, 1, 1) + timedelta(row)
        lines.append(f"P{patient:03d},{day},{20 + patient},{row % 7}.5,{row * 7 % 31}.25")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "visits.csv").write_text("\n".join(lines) + "\n")
    return folder / "visits.csv"


def start(folder: Path, split: SplitWish, monkeypatch: pytest.MonkeyPatch) -> NewProject:
    project = plan_project(folder / "p", Wish(str(write_visits(folder / "data"))), ["response"], split)
    write_files(folder / "p", project.texts, project.copies)
    monkeypatch.chdir(folder / "p")
    return project


def divide() -> tuple[pa.Table, Sequence[str]]:
    """The rows of the project in this folder, and the split of each."""
    recipe, params = load_recipe("recipe.py"), load_params(Path("params.yaml"))
    samples = preview_samples(recipe, Path.cwd(), VISITS * PATIENTS)
    assert samples.set_aside.num_rows == 0
    return samples.valid, [SPLITS[index] for index in assign_splits(samples.valid, recipe, params.data.split).splits]


def test_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = start(tmp_path, SplitWish(by=("patient no",)), monkeypatch)
    rows, splits = divide()
    assert load_recipe("recipe.py").split_by == ("patient_no",)
    assert set(splits) == set(SPLITS)
    assert len(set(zip(rows["patient_no"].to_pylist(), splits, strict=True))) == PATIENTS
    assert "patient_no" not in {feature.name for feature in load_recipe("recipe.py").features}
    assert any("patient_no" in line for line in project.guesses)


def test_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path, SplitWish(time="visited"), monkeypatch)
    rows, splits = divide()
    ordered = [split for _, split in sorted(zip(rows["visited"].to_pylist(), splits, strict=True))]
    assert ordered == sorted(ordered, key=SPLITS.index)
    assert [round(splits.count(name) / len(splits), 2) for name in SPLITS] == [0.8, 0.1, 0.1]


def test_repeated_identifier_decides_the_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a patient in training and test would make the metrics too good; nobody has to ask for it."""
    project = start(tmp_path, SplitWish(), monkeypatch)
    rows, splits = divide()
    assert len(set(zip(rows["patient_no"].to_pylist(), splits, strict=True))) == PATIENTS
    assert "patient no" in {each.column for each in project.draft.left_out}
    assert any("remove split_by" in line and "patient_no" in line for line in project.guesses)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("patient", "{0}", True),  # numbers
        ("customerId", "{0}", True),
        ("badge", "P{0:04d}", True),
        ("badge", "{0:05d}", False),
        ("city", "Town {0}", False),
        ("country_code", "X{0:d}", False),
    ],
)
def test_categories_do_not_decide(tmp_path: Path, name: str, value: str, found: bool) -> None:
    values = 9 if name == "country_code" else 150
    lines = [f"{value.format(row * 7 % values)},{row * 31 % 17},{row % 2}" for row in range(600)]
    (tmp_path / "rows.csv").write_text("\n".join([f"{name},x,y", *lines]) + "\n")
    draft = plan_project(tmp_path / "p", Wish(str(tmp_path / "rows.csv")), ["y"]).draft
    assert (draft.split_by == (name,)) is found


def test_how_to_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that decides nothing yet: uncommenting its line switches."""
    project = start(tmp_path, SplitWish(), monkeypatch)
    recipe, params = project.texts["recipe.py"], project.texts["params.yaml"]
    switch = recipe.replace("\nsplit_by", "\n# split_by").replace("# split_time", "split_time")
    Path("recipe.py").write_text(switch)
    shares = [line for line in params.splitlines() if line.strip().startswith(("train: 0", "validation: 0", "test: 0"))]
    switched = "\n".join(line for line in params.splitlines() if line not in shares)
    Path("params.yaml").write_text(switched.replace("# validation_from", "validation_from").replace("# test_", "test_"))
    assert [divide()[1].count(name) for name in SPLITS] == [192, 24, 24]


def test_dvc_can_read_the_cuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path, SplitWish(time="visited"), monkeypatch)
    split = yaml.safe_load(Path("params.yaml").read_text())["data"]["split"]
    assert all(isinstance(cut, str) for cut in split.values())


@pytest.mark.parametrize(
    ("split", "option", "parts"),
    [
        (SplitWish(by=("patient",)), "--split-by", ["'patient'", "patient no"]),
        (SplitWish(time="age", by=("visited",)), ["--split-by", "--split-time"], "both"),
        (SplitWish(time="patient no"), "--split-time", ["'patient no'", "text"]),
        (SplitWish(by=("response", "dose")), "--split-by", ["label", "'dose'"]),
    ],
)
def test_columns_that_cannot_decide(tmp_path: Path, split: SplitWish, option: Any, parts: Any) -> None:
    path = write_visits(tmp_path)
    with refused(where=option) as caught:
        plan_project(tmp_path / "p", Wish(str(path)), ["response"], split)
    text = f"{caught.value.what} {caught.value.remedy}"
    assert all(part in text for part in ([parts] if isinstance(parts, str) else parts))


@pytest.mark.parametrize("split", [SplitWish(by=("shop",)), SplitWish(time="day")])
def test_missing_values_cannot_decide(tmp_path: Path, split: SplitWish) -> None:
    lines = [f"{'' if row == 5 else f'S{row % 9}'},{'' if row == 5 else row},{row % 2}" for row in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["shop,day,sold", *lines]) + "\n")
    with refused(what=[*split.columns, "missing in 1"]):
        plan_project(tmp_path / "p", Wish(str(tmp_path / "rows.csv")), ["sold"], split)


def test_wide_tables_keep_the_columns_that_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [",".join([*(str((row * k) % 13) for k in range(120)), str(row % 20), "ab"[row % 2]]) for row in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join([",".join([*(f"x{k}" for k in range(120)), "user,y"]), *lines]) + "\n")
    project = plan_project(tmp_path / "p", Wish(str(tmp_path / "rows.csv")), ["y"], SplitWish(by=("user",)))
    write_files(tmp_path / "p", project.texts, project.copies)
    monkeypatch.chdir(tmp_path / "p")
    samples = preview_samples(load_recipe("recipe.py"), Path.cwd(), 200)
    assert (samples.valid.num_rows, len(set(samples.valid["user"].to_pylist()))) == (200, 20)


def test_a_subject_line_is_no_group(tmp_path: Path) -> None:
    subjects = [f"question about the {word} order" for word in ("first", "last", "next")] * 10
    texts = [f"{subject} {index // 2}" for index, subject in enumerate(subjects)]
    lines = [f"{row % 40 + 1000},{texts[row % 30]},{row % 7}.5,{'ab'[row % 2]}" for row in range(400)]
    (tmp_path / "mails.csv").write_text("\n".join(["customer_no,subject,hours,y", *lines]) + "\n")
    draft = plan_project(tmp_path / "p", Wish(str(tmp_path / "mails.csv")), ["y"]).draft
    assert draft.split_by == ("customer_no",)
    assert "subject" in {feature.name for feature in draft.features}


@pytest.mark.parametrize("groups", range(6, 30))
def test_shares_of_few_groups_leave_no_split_empty(groups: int) -> None:
    rows = pa.table({"shop": [f"S{index % groups}" for index in range(groups * 50)]})
    shares = Split(**choose_group_shares(rows))
    assert set(assign_by_hash(hash_groups(rows, ["shop"]), shares)) == {0, 1, 2}


HOURS = pa.array([datetime(2024, 3, 25) + timedelta(hours=hour) for hour in range(240)], pa.timestamp("us"))


@pytest.mark.parametrize(
    "times",
    [
        HOURS,
        HOURS.cast(pa.timestamp("us", "UTC")),
        HOURS.cast(pa.timestamp("us", "Europe/Berlin")),  # whose clocks change in these days
        HOURS.cast(pa.date32()),
        pa.array(range(240)),
        pa.array([value / 7 for value in range(240)]),
        pa.array([2020] * 150 + [2021] * 40 + [2022] * 50),
    ],
    ids=str,
)
def test_cuts(times: pa.Array) -> None:
    cuts = choose_cuts(pa.chunked_array([times]))
    assert cuts
    split = Split(validation_from=cuts[0], test_from=cuts[1])
    scalars = [to_scalar(cut, times.type) for cut in split.cuts]
    before = [sum(value < scalar.as_py() for value in times.to_pylist()) for scalar in scalars]
    assert 0.6 < before[0] / 240 < before[1] / 240 < 1


@pytest.mark.parametrize("unit", ["s", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_cuts_are_dates_where_that_moves_few_rows(unit: str, zone: str | None) -> None:
    hours = pa.array([datetime(2024, 1, 1) + timedelta(hours=hour) for hour in range(8000)], pa.timestamp("us"))
    assert choose_cuts(pa.chunked_array([hours.cast(pa.timestamp(unit, zone))])) == ("2024-09-23", "2024-10-27")


def test_too_few_times_have_no_cuts() -> None:
    assert choose_cuts(pa.chunked_array([pa.array([1, 1, 2])])) is None
