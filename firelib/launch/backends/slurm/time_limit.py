"""Time limits as Slurm writes them: `MINUTES`, `MINUTES:SECONDS`, `HOURS:MINUTES:SECONDS`, `DAYS-HOURS[:MINUTES…]`."""

#: Form of a time limit.
TIME_LIMIT = r"^(\d+|\d+(:\d\d){1,2}|\d+-\d{1,2}(:\d\d){0,2})$"


def parse_seconds(text: str) -> int:
    """Return the seconds of a time limit that matches `TIME_LIMIT`.

    Example:
        >>> parse_seconds("90"), parse_seconds("1-12")
        (5400, 129600)
    """
    days, has_days, rest = text.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if has_days:
        parts = [*parts, 0, 0][:3]
    elif len(parts) == 1:
        parts = [0, *parts, 0]
    hours, minutes, seconds = [0, *parts][-3:]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
