"""The short text that a notebook shows for a dataset."""

from pathlib import Path

import pyarrow as pa

from firelib import Feature, open_dataset, write_tfrecords

FEATURES = [
    Feature("distance", "float32", nullable=True),
    Feature("carrier", "string", max_length=2),
    Feature("picture", "uint8", shape=(2, 2)),
]
TABLE = pa.table(
    {
        "distance": pa.array([1.0, None, 3.0], pa.float32()),
        "carrier": ["UA", "AA", "UA"],
        "picture": [[0, 0, 0, 4]] * 3,
        "late": [0, 1, 0],
    }
)


def test_statistics_are_shown_where_they_are_known(tmp_path: Path) -> None:
    label = Feature("late", "int64", range=(0, 1))
    write_tfrecords({"train": TABLE, "test": TABLE}, str(tmp_path / "d"), FEATURES, label=label, statistics=True)
    assert repr(open_dataset(str(tmp_path / "d"))).splitlines() == [
        f"Dataset('{tmp_path}/d': test 3 rows, train 3 rows)",
        "  distance: float32, mean 2, std 1, 1 to 3, 1 missing",
        "  carrier: string, 2 values",
        "  picture: uint8[2, 2], mean 1, std 1.732, 0 to 4",
        "  late: int64, label",
    ]


def test_a_wide_dataset_without_statistics(tmp_path: Path) -> None:
    features = [Feature(f"x{index:02}", "int64") for index in range(20)]
    write_tfrecords({feature.name: [1] for feature in features}, str(tmp_path / "d"), features)
    lines = repr(open_dataset(str(tmp_path / "d"))).splitlines()
    assert lines[1] == "  x00: int64"
    assert lines[-1] == "  … 8 more columns"
    assert len(lines) == 14
