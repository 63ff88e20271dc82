"""The recipe on the real tables."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from firelib.config import Split, load_params
from firelib.data.extract import extract
from firelib.data.row_validation import REASON, validate_rows
from firelib.data.sources.load_table import load_table
from firelib.data.synthetic.copies import STRIDE
from firelib.data.synthetic.scaled_recipe import scale_up
from firelib.data.transform import transform
from firelib.project_layout import Paths
from firelib.recipe import load_recipe
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.read.dataset import open_dataset
from tests.project import ROOT

LATER_KNOWN = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("flights")


@pytest.fixture(scope="module")
def tables(recipe, tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    paths = Paths(recipe.name, str(project / "storage"), project)
    return {name: load_table(source, paths, recipe, name).rows for name, source in recipe.sources.items()}


def joined(recipe, tables: dict[str, pa.Table]) -> pd.DataFrame:
    import dask.dataframe as dd

    frames = {name: dd.from_pandas(as_in_lake(table), npartitions=1) for name, table in tables.items()}
    return recipe.transform(frames).compute(scheduler="threads")


def as_in_lake(table: pa.Table) -> pd.DataFrame:
    frame = table.to_pandas()
    return frame.astype({"time_hour": "datetime64[us, UTC]"}) if "time_hour" in frame else frame


def first_week(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    flights = tables["flights"].to_pandas().query("month == 2 and day <= 7")
    return {**tables, "flights": pa.Table.from_pandas(flights, preserve_index=False)}


def test_nothing_known_after_departure_reaches_the_features(recipe, tables):
    """Shuffling every column that is known later does not change a feature."""
    week = first_week(tables)
    flights = week["flights"].to_pandas()
    shuffled = flights.assign(**{c: flights[c].sample(frac=1, random_state=1).to_numpy() for c in LATER_KNOWN})
    changed = {**week, "flights": pa.Table.from_pandas(shuffled, preserve_index=False)}
    names = [feature.name for feature in recipe.features]
    pd.testing.assert_frame_equal(joined(recipe, week)[names], joined(recipe, changed)[names])


def test_weather_is_from_the_hour_before_departure(recipe, tables):
    rows = joined(recipe, first_week(tables))
    weather = tables["weather"].to_pandas().set_index(["origin", "time_hour"])
    flight = rows.dropna(subset=["temp"]).iloc[100]
    hour_before = flight["time_hour"] - pd.Timedelta(hours=1)
    assert flight["temp"] == weather.loc[(flight["origin"], hour_before), "temp"]


def test_flights_are_late_from_fifteen_minutes(recipe, tables):
    rows = joined(recipe, first_week(tables)).dropna(subset=["arr_delay"])
    assert ((rows["arr_delay"] >= 15) == (rows["late"] == 1)).all()
    assert {14, 15} <= set(rows["arr_delay"])


def test_times_of_day_are_minutes(recipe, tables):
    rows = joined(recipe, first_week(tables))
    assert (rows["departs_at"] == rows["hour"] * 60 + rows["minute"]).all()


def test_cancelled_and_diverted_flights_are_counted(recipe, tables):
    checked = validate_rows(joined(recipe, tables), recipe)
    assert checked.excluded == {"cancelled": 8255, "diverted": 1175, "unknown airline": 0}
    assert checked.valid.num_rows == 336_776 - 8255 - 1175
    assert checked.set_aside.num_rows == 0


def test_impossible_wind_is_set_aside(recipe, tables):
    """The real weather table has a wind speed of 1048 mph, which applies to flights in the next hour."""
    weather = tables["weather"].to_pandas()
    gale = weather.loc[weather["wind_speed"].idxmax()]
    flights = tables["flights"].to_pandas().query("origin == @gale.origin").head(3)
    flights = flights.assign(time_hour=gale["time_hour"] + pd.Timedelta(hours=1))
    checked = validate_rows(
        joined(recipe, {**tables, "flights": pa.Table.from_pandas(flights, preserve_index=False)}), recipe
    )
    assert checked.set_aside[REASON].to_pylist() == ["wind_speed is outside [0, 150]"] * 3


def test_copies_of_flights_have_keys_of_their_own_and_the_same_features(recipe, tables):
    """Copies are departures of the same day, so they are in the split of their flight."""
    week, shares = first_week(tables), Split(train=0.8, validation=0.1, test=0.1)
    flights, copies = joined(recipe, week), joined(scale_up(recipe, 3, shares), week)
    assert len(copies) == 3 * len(flights)
    assert not copies.duplicated(list(recipe.key)).any()
    names = [*(feature.name for feature in recipe.features), recipe.label.name, *recipe.split_by]
    for copy, rows in copies.groupby(copies["flight"] // STRIDE):
        same, expected = rows.sort_values([*recipe.key]), flights.sort_values([*recipe.key])
        assert (same["flight"] - copy * STRIDE).tolist() == expected["flight"].tolist()
        pd.testing.assert_frame_equal(same[names].reset_index(drop=True), expected[names].reset_index(drop=True))


@pytest.mark.usefixtures("ray_cluster")
def test_an_earlier_version_has_half_a_year(recipe, tmp_path):
    """Version 5 of 12 has the flights of January to June; its shards contain them in the same splits."""
    paths = Paths("flights", str(tmp_path / "storage"), tmp_path)
    lake = extract(recipe, paths)
    assert [commit.group["month"] for commit in lake.tables["flights"].commits] == list(range(1, 13))

    params = load_params(ROOT / "params.yaml")
    half = params.model_copy(update={"data": params.data.model_copy(update={"version": 5})})
    manifest = transform(recipe, half, paths)
    first = rows_in_test_split(paths)
    assert manifest.tables["flights"] == 5
    assert manifest.quality["read"] == lake.tables["flights"].commits[5].rows
    assert set(first["month"]) == set(range(1, 7))

    whole = transform(recipe, params, paths)
    both = rows_in_test_split(paths)
    assert sum(split.rows for split in whole.splits.values()) == 327_346
    assert rows_of(first) <= rows_of(both), "a row that was in the test split stays there when months are added"
    assert json.loads(paths.lake_json.read_text())["tables"]["flights"]["rows"] == 336_776


def rows_in_test_split(paths):
    return open_dataset(str(paths.manifest)).as_numpy("test")


def rows_of(batch) -> set[tuple]:
    names = ("month", "day", "departs_at", "carrier", "origin", "dest", "arrives_at", "late")
    return set(zip(*(batch[name].tolist() for name in names), strict=True))


def test_features_fit_their_declarations(recipe, tables):
    columns = to_columns(validate_rows(joined(recipe, tables), recipe).valid, recipe.features)
    assert np.isnan(columns["wind_gust"]).any()
    assert columns["carrier"].dtype == "S2"
