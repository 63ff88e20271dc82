import base64
import io
import struct
import zlib

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from firelib.recipe import (
    add_date_parts,
    decode_pictures,
    flag_labels,
    hash_rows,
    number_classes,
    number_rows,
    parse_dates,
    parse_numbers,
)


def test_rows_are_numbered_across_partitions():
    frame = dd.from_pandas(pd.DataFrame({"x": range(10)}), npartitions=3)
    assert number_rows(frame, "n").compute(scheduler="synchronous")["n"].tolist() == list(range(10))


def test_missing_and_unreadable_times_are_nan():
    rows = add_date_parts(pd.DataFrame({"t": ["2024-02-29", None, "soon"]}), "t", "absent")
    assert rows["t_month"].fillna(-1).tolist() == [2, -1, -1]
    assert list(rows.columns) == ["t", "t_days", "t_month", "t_weekday", "t_hour"]


def test_written_numbers_and_dates_are_parsed_and_others_stay():
    rows = pd.DataFrame({"a": ["7.123,40 €", "-3 %", "soon", None], "b": [1.5, 2.0, None, 3.0]})
    parsed = parse_numbers(rows, "a", "b", "absent", thousands=".", decimal=",")
    assert parsed["a"].fillna(-1).tolist() == [7123.4, -3, -1, -1]
    assert parsed["b"].fillna(-1).tolist() == [1.5, 2, -1, 3]
    days = parse_dates(pd.DataFrame({"day": ["31.01.2024", "2024-01-31", None]}), "day", "absent", format="%d.%m.%Y")
    assert days["day"].dt.day.fillna(-1).tolist() == [31, -1, -1]
    assert parse_dates(days, "day", format="%Y")["day"].equals(days["day"])


def test_times_of_several_zones_are_parsed_to_utc():
    texts = ["2025-03-01T00:30:00.250+01:00", "2025-02-28T23:30:00Z", None]
    times = parse_dates(pd.DataFrame({"at": texts}), "at", format="ISO8601", utc=True)["at"]
    assert str(times.dt.tz) == "UTC"
    assert [time.isoformat() for time in times.dropna()] == [
        "2025-02-28T23:30:00.250000+00:00",
        "2025-02-28T23:30:00+00:00",
    ]


def test_value_that_is_no_class_is_missing():
    assert number_classes(pd.Series([3, 5, 9]), (3, 5)).fillna(-1).tolist() == [0, 1, -1]


def test_flags_of_lists_and_texts():
    assert flag_labels(pd.Series([["a"], None, []]), ("a", "b")).tolist() == [[1, 0], None, [0, 0]]
    assert flag_labels(pd.Series(["b; a", None]), ("a", "b"), ";").tolist() == [[1, 1], None]


def encode(shape: tuple[int, ...], kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full(shape, 200, np.uint8)).save(stream, kind)
    return stream.getvalue()


def test_pictures_are_scaled_and_broken_ones_are_missing():
    content = [
        encode((4, 4), "PNG"),
        encode((8, 8, 3), "PNG"),
        b"broken",
        base64.b64encode(encode((2, 2), "PNG")).decode(),
    ]
    decoded = decode_pictures(pd.DataFrame({"image": content}), "image", (4, 4, 1))["image"].tolist()
    assert decoded[2] is None
    assert [decoded[index].tolist() for index in (0, 1, 3)] == [[200] * 16] * 3
    assert list(decode_pictures(pd.DataFrame({"x": [1]}), "image", (4, 4, 1)).columns) == ["x"]


def test_huge_pictures_are_not_decoded():
    rows = pd.DataFrame({"image": [encode_size((20_000, 20_000)), encode((9, 9), "PNG"), encode((8, 8), "PNG")]})
    decoded = decode_pictures(rows, "image", (2, 2, 1), most_pixels=64)["image"].tolist()
    assert [content is None for content in decoded] == [True, True, False]
    assert decode_pictures(rows, "image", (2, 2, 1))["image"].isna().tolist() == [True, False, False]


def encode_size(size):
    """A PNG that claims a size; nothing else of it is read."""
    header = b"IHDR" + struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_pictures_of_any_kind_are_missing():
    content = [encode((64, 64, 3), kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")]
    broken = [whole[: len(whole) // 2] for whole in content] + [whole[:30] + b"\xff" * 40 for whole in content]
    decoded = decode_pictures(pd.DataFrame({"image": broken}), "image", (4, 4, 3))["image"]
    assert all(value is None or len(value) == 48 for value in decoded)


def test_jpeg_is_decoded_to_the_size():
    decoded = decode_pictures(pd.DataFrame({"image": [encode((800, 640, 3), "JPEG")]}), "image", (4, 4, 3))
    assert abs(decoded["image"][0].astype(int) - 200).max() <= 2


def test_times_with_a_zone_are_unreadable_where_none_is_declared() -> None:
    """The dtype is that of the declaration, whatever the rows."""
    for texts in (["2024-01-31T08:15:00Z"], ["2024-01-31", "2024-01-31T08:15:00+01:00"], ["2024-01-31 08:15"]):
        days = parse_dates(pd.DataFrame({"day": texts}), "day", format="ISO8601")["day"]
        assert days.dt.tz is None
        assert days.notna().tolist() == [not text.endswith(("Z", "+01:00")) for text in texts]


def test_the_hash_of_a_row_with_objects_does_not_depend_on_the_others() -> None:
    kind = pd.ArrowDtype(pa.struct({"n": pa.int64()}))
    rows = pd.DataFrame({"o": pd.Series([{"n": 1}, None], dtype=kind)})
    apart = [hash_rows(rows.iloc[[number]])["row"].item() for number in (0, 1)]
    assert hash_rows(rows)["row"].tolist() == apart
