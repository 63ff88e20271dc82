"""Small tables of each task, as files."""

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

ROWS = 120
CITIES = ("Rome", "Zürich", "Oslo")


def binary() -> pa.Table:
    draw = random.Random(1)
    return pa.table(
        {
            "order id": [f"A-{index:04d}" for index in range(ROWS)],
            "price": [None if index % 9 == 0 else draw.random() * 50 for index in range(ROWS)],
            "items": [draw.randint(1, 9) for _ in range(ROWS)],
            "city": [draw.choice(CITIES) for _ in range(ROWS)],
            "gift": [draw.random() < 0.5 for _ in range(ROWS)],
            "same": ["x"] * ROWS,
            "returned": [draw.choice(["yes", "no"]) for _ in range(ROWS)],
        }
    )


def regression() -> pa.Table:
    draw = random.Random(2)
    return pa.table({"x": [draw.random() for _ in range(ROWS)], "y": [draw.gauss(200, 30) for _ in range(ROWS)]})


def multiclass() -> pa.Table:
    draw = random.Random(3)
    quality = [draw.randint(3, 6) for _ in range(ROWS)]
    return pa.table({"a": [value + draw.random() for value in quality], "quality": quality})


def multilabel() -> pa.Table:
    draw = random.Random(4)
    tags = [sorted(draw.sample(["blue", "red", "round"], draw.randint(1, 2))) for _ in range(ROWS)]
    return pa.table({"a": [draw.random() for _ in range(ROWS)], "tags": ["|".join(each) for each in tags]})


def label_lists() -> pa.Table:
    table = multilabel()
    return table.set_column(1, "tags", pa.array([text.split("|") for text in table["tags"].to_pylist()]))


def text() -> pa.Table:
    draw = random.Random(5)
    words = ["good", "bad", "the", "a", "parcel", "came", "late", "quick\nly", 'so "called"']
    return pa.table(
        {
            "review": [" ".join(draw.choices(words, k=draw.randint(3, 12))) + f" {index}" for index in range(ROWS)],
            "stars": [draw.choice(["one", "two", "three"]) for _ in range(ROWS)],
        }
    )


def series() -> pa.Table:
    draw = random.Random(6)
    times = pa.array(range(ROWS), pa.int64())
    hours = pa.compute.multiply(times, 3600 * 10**6).cast(pa.timestamp("us"))
    return pa.table({"time": hours, "load": [draw.random() for _ in range(ROWS)]})


def lists() -> pa.Table:
    draw = random.Random(7)
    return pa.table(
        {
            "signal": [[draw.random() for _ in range(4)] for _ in range(ROWS)],
            "clicks": [[draw.randint(1, 50) for _ in range(draw.randint(0, 5))] for _ in range(ROWS)],
            "y": [draw.randint(0, 1) for _ in range(ROWS)],
        }
    )


def objects() -> pa.Table:
    """Rows as those of a web log in JSON lines."""
    draw = random.Random(9)
    agents = [{"name": draw.choice(CITIES), "is_bot": draw.random() < 0.5} for _ in range(ROWS)]
    requests = [
        {"path-to": draw.choice("abc"), "size": None if index % 9 == 0 else draw.randint(1, 99), "agent": agent}
        for index, agent in enumerate(agents)
    ]
    return pa.table(
        {
            "at": [
                f"2025-03-{1 + index % 28:02d}T00:00:{index % 60:02d}.250{'+01:00' if index % 2 else 'Z'}"
                for index in range(ROWS)
            ],
            "request": [None if index % 17 == 0 else request for index, request in enumerate(requests)],
            "kind": [draw.choice(["u", "v", "w"]) for _ in range(ROWS)],
        }
    )


def wide() -> pa.Table:
    draw = random.Random(8)
    columns = {f"p{index}": [draw.random() for _ in range(ROWS)] for index in range(150)}
    return pa.table({**columns, "y": [draw.choice(["u", "v"]) for _ in range(ROWS)]})


#: Name → (table, label, whether it is written as CSV).
TABLES: dict[str, tuple[Callable[[], pa.Table], str, bool]] = {
    "binary": (binary, "returned", True),
    "regression": (regression, "y", True),
    "multiclass": (multiclass, "quality", True),
    "multilabel": (multilabel, "tags", True),
    "label_lists": (label_lists, "tags", False),
    "text": (text, "stars", True),
    "series": (series, "load", True),
    "lists": (lists, "y", False),
    "objects": (objects, "kind", False),
    "wide": (wide, "y", False),
}


def write(name: str, folder: Path) -> tuple[Path, str]:
    """Write a table; returns its file and its label."""
    build, label, is_csv = TABLES[name]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{'csv' if is_csv else 'parquet'}"
    pyarrow.csv.write_csv(build(), path) if is_csv else pq.write_table(build(), path)
    return path, label
