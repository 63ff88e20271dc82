"""Section `data.split` of params.yaml: shares of the rows, or the times at which validation and test begin."""

import math
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, PlainValidator, model_validator

from firelib.config.section import Section


def _parse_cut(value: Any) -> Any:
    """A date, a time or a number; also a date or a time as text, which `dvc exp run -S` and quoted YAML give."""
    if isinstance(value, str):
        for parse in (date.fromisoformat, datetime.fromisoformat):
            with suppress(ValueError):
                return parse(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if is_number or isinstance(value, date):
        return value
    raise ValueError("expected a date (2024-01-31), a time (2024-01-31T12:00:00) or a number")


#: Where a split begins: a value of the column `Recipe.split_time`.
Cut = Annotated[Any, PlainValidator(_parse_cut)]


class Split(Section):
    """Shares of the rows, or cut dates; nothing if a column names the split (`Recipe.split_column`).

    Attributes:
        train: Share of the training split.
        validation: Share of the validation split.
        test: Share of the test split; 0 where the recipe names its own test rows (`Recipe.test_rows`) and the other
            two splits share the remaining rows.
        validation_from: First time of the validation split (`Recipe.split_time`); earlier rows are for training.
        test_from: First time of the test split.

    Example:
        >>> from datetime import date
        >>> Split(validation_from=date(2024, 1, 1), test_from=date(2024, 3, 1)).cuts[1].isoformat()
        '2024-03-01'
    """

    train: float | None = Field(default=None, gt=0, lt=1)
    validation: float | None = Field(default=None, gt=0, lt=1)
    test: float | None = Field(default=None, ge=0, lt=1)
    validation_from: Cut | None = None
    test_from: Cut | None = None

    @property
    def shares(self) -> dict[str, float]:
        """Split → declared share; empty without shares."""
        shares = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: share for name, share in shares.items() if share is not None}

    @property
    def cuts(self) -> list[Any]:
        """The first times of the validation and of the test split; empty without cut dates."""
        return [cut for cut in (self.validation_from, self.test_from) if cut is not None]

    @model_validator(mode="after")
    def _check(self) -> "Split":
        if self.shares and self.cuts:
            raise ValueError("expected shares (train, validation, test) or cut dates (…_from), got both")
        given = {name for name, value in self if value is not None}
        expected = {"train", "validation", "test"} if self.shares else {"validation_from", "test_from"}
        if given and given != expected:
            raise ValueError(f"missing: {', '.join(sorted(expected - given))}")
        if self.shares and abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, got {sum(self.shares.values()):g}")
        if self.cuts:
            _check_order(*self.cuts)
        return self


def _check_order(validation_from: Any, test_from: Any) -> None:
    shown = f"got {validation_from} and {test_from}"
    try:
        is_ascending = validation_from < test_from
    except TypeError:
        raise ValueError(
            f"validation_from and test_from must be both dates, both times or both numbers, {shown}"
        ) from None
    if not is_ascending:
        raise ValueError(f"validation_from must be before test_from, {shown}")
