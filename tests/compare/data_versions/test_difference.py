"""Both halves of `firelib data diff`: what it prints and draws, and the numbers behind."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from firelib.cli import app
from firelib.compare.data_versions.data_state import open_state
from firelib.compare.data_versions.difference import compare_features, compare_tables
from firelib.compare.data_versions.picture import draw_drift
from firelib.compare.data_versions.tables import drift_table, row_tables
from firelib.data.extract import extract
from firelib.data.versions.drift import MOVED_FAR
from firelib.tfrecord.read.dataset import open_dataset
from tests.data.transformed import make
from tests.errors import refused
from tests.project import ROOT
from tests.recipes.tiny import order_rows, project, tiny_recipe, write_sources


def cells(part: RenderableType, width: int = 120) -> list[list[str]]:
    """The words of each line of a table, which fits into the width."""
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(part)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    return [line.replace("│", " ").split() for line in text.splitlines()]


@pytest.mark.usefixtures("ray_cluster")
def test_features_of_two_versions(tmp_path: Path) -> None:
    """Amounts rise on the last day; statistics are those of the datasets of both versions."""
    rows = [{**row, "amount": 999 if row["day"] == 4 else row["amount"]} for row in order_rows(400)]
    write_sources(tmp_path, rows)
    recipe = tiny_recipe(tmp_path)
    manifest, paths = make(tmp_path, recipe, version=2)
    first, second = open_state("2", paths), open_state("3", paths)
    drifts = {drift.name: drift for drift in compare_features(first, second, recipe, str(tmp_path))}
    assert next(iter(drifts)) == "amount"
    assert drifts.keys() == {*(feature.name for feature in recipe.features), "big"}
    assert drifts["amount"].psi > MOVED_FAR > drifts["city"].psi
    dataset = open_dataset(str(paths.tfrecords))
    amounts = [value for split in manifest.splits for value in dataset.as_numpy(split)["amount"]]
    present = [float(value) for value in amounts if value == value]
    assert drifts["amount"].before.rows == len(amounts)
    assert drifts["amount"].before.mean == pytest.approx(sum(present) / len(present))
    assert drifts["amount"].before.missing == pytest.approx(1 - len(present) / len(amounts))

    shown = cells(drift_table([*drifts.values()], 80), 80)
    amount = next(line for line in shown if line[:1] == ["amount"])
    assert amount[-2:] == ["moved", "far"]
    draw_drift([*drifts.values()], "tiny", tmp_path / "drift.png")
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")


def test_rows_columns_and_values_are_shown(tmp_path: Path) -> None:
    rows = order_rows(80)
    write_sources(tmp_path, rows)
    recipe, paths = tiny_recipe(tmp_path), project(tmp_path)[1]
    extract(recipe, paths)
    shutil.copy(paths.lake_json, tmp_path / "old.json")
    write_sources(tmp_path, [{**row, "items": row["items"] or 0, "new": "x"} for row in rows[1:]])
    extract(recipe, paths)
    after = open_state(None, paths)
    shutil.copy(tmp_path / "old.json", paths.lake_json)
    missing = sum(row["items"] == "" for row in rows[1:])
    shown = [
        line for part in row_tables(compare_tables(open_state(None, paths), after, recipe)) for line in cells(part)
    ]
    assert ["orders", "80", "79", "0", "1", str(missing), "day,", "id"] in shown
    assert ["items", str(missing), "100.0%"] in shown
    assert ["shops", "4", "4", "0", "0", "0", "the", "same"] in shown
    assert ["orders.new", "–", "string"] in shown


def test_a_limit_for_features_that_are_left_out_is_refused() -> None:
    with refused(what=["--max-psi", "--no-features"], where="command line", remedy="remove"):
        CliRunner().invoke(app, ["data", "diff", "4", "5", "--no-features", "--max-psi", "1"], catch_exceptions=False)


def test_the_command_compares_versions_of_flights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert run(app, ["extract"]).exit_code == 0
    done = run(app, ["data", "diff", "4", "5", "--no-features"])
    assert done.exit_code == 0, done.output
    flights = next(line for line in done.stdout.replace("│", " ").splitlines() if line.split()[:1] == ["flights"])
    assert flights.split()[1:6] == ["137,915", "166,158", "28,243", "0", "0"]
