"""Functions for a recipe's `transform` and `prepare`: number rows and classes, parse numbers and dates."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


_HASH_OF_COPIES = 0x1E3779B97F4A7C15  # odd, so that no two copies of a row have the same hash
_ZONE = r"(?:[Zz]|:\d{2}(?:\.\d+)?[+-]\d{2}(?::?\d{2})?)\s*$"  # of a time in ISO 8601
_UNITS = r"[\s'’%€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY)\b"  # beside the digits of a number
#: Pixels of the largest picture that `decode_pictures` decodes: as many as Pillow decodes without a warning.
MOST_PIXELS = (1 << 30) // 4 // 3


def number_rows(frame: Any, column: str = "row") -> Any:
    """Add the number of each row within its table, from 0, as a key for rows that nothing else identifies.

    Only the rows of a single file have an order of their own: they keep their numbers when rows are added at the end.
    Rows of databases and Delta tables are sorted, and those of a folder come in the order of its files, so new rows
    change the numbers of others, and with them their splits: use `hash_rows`. The source must not declare `commit_by`.

    Args:
        frame: A Dask dataframe, one of the tables that `transform` gets.
        column: Name of the new column.

    Returns:
        The frame with the new column.

    Example:
        >>> import dask.dataframe as dd, pandas as pd
        >>> frame = dd.from_pandas(pd.DataFrame({"x": [5, 7, 5]}), npartitions=2)
        >>> number_rows(frame).compute()["row"].tolist()
        [0, 1, 2]
    """
    numbered = frame.assign(**{column: 1})
    return numbered.assign(**{column: numbered[column].cumsum() - 1})


def hash_rows(frame: Any, column: str = "row") -> Any:
    """Add a hash of all values of each row, as a key for rows that nothing else identifies.

    A row keeps its hash, and so its split, whatever rows are added or removed. If one of its values changes, or if the
    table gets another column, it is another row. Rows that are equal to an earlier one get hashes of their own.

    Args:
        frame: A Dask dataframe, one of the tables that `transform` gets; or a pandas dataframe.
        column: Name of the new column.

    Returns:
        The frame with the new column, int64.

    Example:
        >>> import dask.dataframe as dd, pandas as pd
        >>> frame = dd.from_pandas(pd.DataFrame({"x": [5, 7, 5]}), npartitions=2)
        >>> hash_rows(frame).compute()["row"].nunique()
        3
    """

    def add(rows: "pd.DataFrame") -> "pd.DataFrame":
        return rows.assign(**{column: _hash_values(rows)})

    is_dask = hasattr(frame, "map_partitions")
    hashed = frame.map_partitions(add, meta=add(frame._meta)) if is_dask else add(frame)
    copies = hashed.groupby(column)[column].cumcount()
    return hashed.assign(**{column: hashed[column] + copies * _HASH_OF_COPIES})


def _hash_values(rows: "pd.DataFrame") -> Any:
    import pandas as pd

    texts = {str(name): values.map(repr) for name, values in rows.items() if _is_nested(values)}
    hashes = pd.util.hash_pandas_object(rows.assign(**texts), index=False, categorize=False)
    return hashes.to_numpy().view("int64")


def _is_nested(values: "pd.Series") -> bool:
    """Whether values are lists or objects, which pandas does not hash.

    A type of Arrow says so also where all values of a partition are missing: a row's hash depends on the row alone.
    """
    import pandas as pd
    import pyarrow as pa

    if isinstance(values.dtype, pd.ArrowDtype):
        return bool(pa.types.is_nested(values.dtype.pyarrow_dtype))
    first = values.dropna().head(1).tolist()
    return bool(first) and type(first[0]).__hash__ is None


def add_date_parts(rows: "pd.DataFrame", *columns: str) -> "pd.DataFrame":
    """Add numbers that a model can use for each date or time. Columns that `rows` lacks are skipped.

    Args:
        rows: Rows with dates, times, or their text in ISO 8601. Times with a zone are taken in UTC.
        columns: The columns.

    Returns:
        The rows, for each column with `<column>_days` (days since 1970, with fractions), `_month`, `_weekday` (0 is
        Monday) and `_hour` (with fractions), float64. A missing or unreadable time gives NaN.

    Example:
        >>> import pandas as pd
        >>> parts = add_date_parts(pd.DataFrame({"sold": ["1970-01-02 06:30:00"]}), "sold")
        >>> parts.iloc[0, 1:].tolist()
        [1.2708333333333333, 1.0, 4.0, 6.5]
    """
    import pandas as pd

    parts = {}
    for column in columns:
        if column in rows.columns:
            texts = rows[column].astype("string")
            times = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
            days = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
            parts[f"{column}_days"] = days.astype("float64")
            parts[f"{column}_month"] = times.dt.month.astype("float64")
            parts[f"{column}_weekday"] = times.dt.dayofweek.astype("float64")
            parts[f"{column}_hour"] = (times.dt.hour + times.dt.minute / 60).astype("float64")
    return rows.assign(**parts)


def parse_numbers(rows: "pd.DataFrame", *columns: str, thousands: str = "", decimal: str = ".") -> "pd.DataFrame":
    """Make numbers of texts such as `3,687.39`, `7.123,40 €` and `12 %`, which becomes 12.

    Args:
        rows: Rows with the texts. Columns that they lack are skipped, and numbers stay as they are.
        columns: The columns.
        thousands: What stands between thousands, beside spaces and apostrophes.
        decimal: The decimal mark.

    Returns:
        The rows with float64 in these columns; NaN for a missing or unreadable text.

    Example:
        >>> import pandas as pd
        >>> prices = pd.DataFrame({"price": ["3,687.39", "$12", "-"]})
        >>> parse_numbers(prices, "price", thousands=",")["price"].tolist()
        [3687.39, 12.0, nan]
    """
    import pandas as pd

    def parse(values: "pd.Series") -> "pd.Series":
        if not pd.api.types.is_numeric_dtype(values):
            texts = values.astype("string").str.replace(_UNITS, "", regex=True)
            texts = texts.str.replace(thousands, "", regex=False) if thousands else texts
            values = pd.to_numeric(texts.str.replace(decimal, ".", regex=False), errors="coerce")
        return values.astype("Float64").astype("float64")

    return rows.assign(**{column: parse(rows[column]) for column in columns if column in rows.columns})


def parse_dates(
    rows: "pd.DataFrame",
    *columns: str,
    format: str,  # noqa: A002  as in pandas
    utc: bool = False,
) -> "pd.DataFrame":
    """Make times of texts such as `31.01.2024` and `2024-01-31T08:15:00.250+01:00`.

    Args:
        rows: Rows with the texts. Columns that they lack are skipped, and times stay as they are.
        columns: The columns.
        format: How the texts are written, as `datetime.strptime` says: `%d.%m.%Y`; or `ISO8601`.
        utc: Whether the texts have time zones, which may differ: the times are then those of UTC. Without it, texts of
            `ISO8601` with a time zone are unreadable.

    Returns:
        The rows with times in these columns; missing where the text is missing or unreadable.

    Example:
        >>> import pandas as pd
        >>> parse_dates(pd.DataFrame({"day": ["31.01.2024"]}), "day", format="%d.%m.%Y")["day"].dt.month.tolist()
        [1]
    """
    import pandas as pd

    def parse(values: "pd.Series") -> "pd.Series":
        if pd.api.types.is_datetime64_any_dtype(values):
            return values
        texts = values.astype("string")
        if format == "ISO8601" and not utc:  # else the dtype would depend on the rows, and a mixture be refused
            texts = texts.mask(texts.str.contains(_ZONE, na=False))
        return pd.to_datetime(texts, format=format, errors="coerce", utc=utc)

    return rows.assign(**{column: parse(rows[column]) for column in columns if column in rows.columns})


def number_classes(column: "pd.Series", classes: Sequence[Any]) -> "pd.Series":
    """Replace the values of a label by the numbers 0, 1, … of their classes.

    Args:
        column: The label as it is in the data.
        classes: Its values, in the order of their numbers.

    Returns:
        Numbers; missing where the value is missing or no class.

    Example:
        >>> import pandas as pd
        >>> number_classes(pd.Series(["cat", "dog", "cat"]), ("cat", "dog")).tolist()
        [0, 1, 0]
    """
    return column.map({value: number for number, value in enumerate(classes)})


def flag_labels(column: "pd.Series", labels: Sequence[Any], separator: str = "") -> "pd.Series":
    """Mark which of several labels each row has.

    Args:
        column: Lists of labels, or text with a separator between them.
        labels: All labels, in the order of the flags.
        separator: What stands between two labels in a text.

    Returns:
        A list of zeros and ones for each row; None where the value is missing.

    Example:
        >>> import pandas as pd
        >>> flag_labels(pd.Series(["red|round", "blue"]), ("blue", "red", "round"), "|").tolist()
        [[0, 1, 1], [1, 0, 0]]
    """
    import pandas as pd

    def flag(value: Any) -> list[int] | None:
        if value is None or value is pd.NA or (isinstance(value, float) and value != value):
            return None
        present = {part.strip() for part in value.split(separator)} if isinstance(value, str) else set(value)
        return [int(label in present) for label in labels]

    return pd.Series([flag(value) for value in column], index=column.index, dtype=object)


def decode_pictures(
    rows: "pd.DataFrame", column: str, shape: tuple[int, int, int], most_pixels: int = MOST_PIXELS
) -> "pd.DataFrame":
    """Decode PNG, JPEG and other pictures to arrays of one size.

    Args:
        rows: Rows with the bytes of picture files, or these in Base64, as JSON has them.
        column: Their column; rows without it, and arrays, stay as they are.
        shape: Height, width and channels (1 for grey, 3 for colours). Pictures of another size are scaled.
        most_pixels: Pixels of the largest picture that is decoded. A small file can hold a huge picture.

    Returns:
        The rows, with uint8 arrays of the shape; None for a picture that cannot be decoded, whose row is set aside.
    """
    import pandas as pd

    if column not in rows.columns:
        return rows
    decoded = [_decode_picture(content, shape, most_pixels) for content in rows[column]]
    return rows.assign(**{column: pd.Series(decoded, index=rows.index, dtype=object)})


def _decode_picture(content: Any, shape: tuple[int, int, int], most_pixels: int) -> Any:
    import base64
    import io

    import numpy as np
    from PIL import Image

    size = (shape[1], shape[0])
    try:
        content = base64.b64decode(content, validate=True) if isinstance(content, str) else content
        if not isinstance(content, bytes):
            return content
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > most_pixels:
                return None
            picture.draft(None, (2 * size[0], 2 * size[1]))  # a JPEG is decoded at the scale that is needed
            fitted = picture.convert("L" if shape[2] == 1 else "RGB")
            fitted = fitted if fitted.size == size else fitted.resize(size, reducing_gap=2)
            return np.asarray(fitted, np.uint8).reshape(-1)
    except Exception:  # noqa: BLE001  Pillow's decoders raise errors of many classes
        return None
