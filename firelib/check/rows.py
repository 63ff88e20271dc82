"""Check rows against the declarations of a recipe, with the rules that `firelib transform` applies."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from firelib.check.finding import Finding, from_error, grade
from firelib.check.sample import Sample
from firelib.data.frames.transform_errors import check_columns, find_missing_columns, locate
from firelib.data.row_masks import exclude_rows, find_masks
from firelib.data.row_validation import check_label, find_violations, to_arrow
from firelib.data.split import key_hashes
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Feature, Recipe
from firelib.recipe.locations import declaration_line
from firelib.tfrecord.format.arrow_columns import cast_column

_MOST_FINDINGS = 20  # about missing columns
_LARGE_SHARE = 0.5  # of the rows: more than that are set aside by mistake
_LARGELY_EXCLUDED = 0.8  # of the rows
_COLUMN = re.compile(r"for column (.+?) with type")


@dataclass
class CheckedRows:
    """Rows after the checks.

    Attributes:
        valid: Rows that would become samples; None if their columns are wrong.
        is_complete: Whether they are all rows of the dataset.
        findings: What is wrong.
    """

    valid: pa.Table | None
    is_complete: bool
    findings: list[Finding] = field(default_factory=list)


def check_rows(recipe: Recipe, file: str | None, sample: Sample) -> CheckedRows:
    """Check columns, exclusions, key and values.

    Args:
        recipe: The recipe.
        file: Its file.
        sample: Rows that `transform` returned.
    """
    checked = CheckedRows(None, sample.is_complete, list(_check_columns(sample.rows, recipe, file)))
    if checked.findings:
        return checked
    rows = _exclude(sample, recipe, file, checked.findings)
    if rows is None:
        return checked
    checked.findings += _check_key(rows, recipe, file)
    try:
        table = to_arrow(rows, recipe)
    except FirelibError as error:
        named = _COLUMN.search(error.what)
        line = _feature_line(recipe, file, named[1]) if named else _line(file, "transform")
        checked.findings.append(from_error(error, "rows", file, line))
        return checked
    checked.valid = _check_values(rows, table, recipe, file, checked.findings)
    return checked


def _check_columns(rows: pd.DataFrame, recipe: Recipe, file: str | None) -> Iterator[Finding]:
    missing = find_missing_columns(rows, recipe)
    blank = [name for name in map(str, rows.columns) if name != name.strip()]
    if {name.strip() for name in blank} & set(missing):
        shown = ", ".join(map(repr, blank[:_MOST_FINDINGS]))
        what = f"{len(blank)} columns have names that begin or end with a blank: {shown}"
        remedy = "write the file without blanks beside the separator, or strip names and texts in transform"
        yield Finding("error", "source", what, remedy, file, _line(file, "sources"), blank[0])
        return
    if len(missing) > _MOST_FINDINGS:
        shown = ", ".join(map(repr, missing[:_MOST_FINDINGS]))
        what = f"the table that transform returns lacks {len(missing)} columns: {shown}, …"
        remedy = did_you_mean(missing[0], list(map(str, rows.columns))[:_MOST_FINDINGS])
        yield Finding("error", "transform", what, remedy, file, _line(file, "transform"))
        return
    for name in missing:
        what = f"the table that transform returns lacks {name!r}"
        remedy = did_you_mean(name, map(str, rows.columns))
        yield Finding("error", "transform", what, remedy, file, _feature_line(recipe, file, name), name)
    if missing:
        return
    try:
        check_columns(rows, recipe)
    except FirelibError as error:
        yield from_error(error, "transform", file, _line(file, "transform"))


def _exclude(sample: Sample, recipe: Recipe, file: str | None, findings: list[Finding]) -> pd.DataFrame | None:
    line = _line(file, "exclude") or _line(file, "transform")
    try:
        rows, excluded = exclude_rows(sample.rows, recipe)
    except FirelibError as error:
        at = error.__cause__ or error
        findings.append(from_error(error, "transform", file, locate(at, file) or line))
        return None
    except Exception as error:  # noqa: BLE001  exclude is the user's code
        findings.append(_explain(error, "exclude", file, line))
        return None
    if len(rows) > (1 - _LARGELY_EXCLUDED) * len(sample.rows):
        return rows
    counts = ", ".join(f"{count} {reason}" for reason, count in excluded.items())
    what = f"exclude leaves {len(rows) or 'none'} of {len(sample.rows)} rows: {counts}"
    severity = grade(sample.is_complete and not len(rows))
    remedy = "check the masks of exclude: they are true for rows to leave out"
    findings.append(Finding(severity, "transform", what, remedy, file, line))
    return rows if len(rows) else None


def _explain(error: Exception, method: str, file: str | None, line: int | None) -> Finding:
    """An error of the user's code in a method."""
    what = f"{method}: {type(error).__name__}: {error}"
    return Finding("error", "transform", what, f"correct {method}", file, locate(error, file) or line)


def _check_key(rows: pd.DataFrame, recipe: Recipe, file: str | None) -> Iterator[Finding]:
    line, key = _line(file, "key"), ", ".join(recipe.key)
    try:
        key_hashes(rows, recipe.key)
    except FirelibError as error:
        yield from_error(error, "rows", file, line)
        return
    repeated = rows.duplicated(list(recipe.key)).to_numpy()
    if repeated.any():
        first = rows[repeated].iloc[0]
        value = ", ".join(f"{column}={first[column]}" for column in recipe.key)
        what = f"{int(repeated.sum())} of {len(rows)} rows have the key of another row, such as {value}: all but one"
        yield Finding(
            grade(bool(repeated.mean() > _LARGE_SHARE)),
            "rows",
            f"{what} are set aside",
            f"add columns to the key ({key}) until it identifies a row, or remove the duplicates in transform; if it "
            "joins tables, what they are joined by must not repeat in the joined table",
            file,
            line,
            value,
        )


def _check_values(
    rows: pd.DataFrame, table: pa.Table, recipe: Recipe, file: str | None, findings: list[Finding]
) -> pa.Table | None:
    invalid = np.zeros(table.num_rows, dtype=bool)
    for feature in (*recipe.features, recipe.label):
        try:
            column = cast_column(table, feature)
        except FirelibError as error:
            findings.append(from_error(error, "rows", file, _feature_line(recipe, file, feature.name)))
            invalid[:] = True
            continue
        for reason, broken in find_violations(column, feature):
            mask = broken.to_numpy(zero_copy_only=False).astype(bool)
            if mask.any() and not (feature == recipe.label and column.null_count):
                line = _feature_line(recipe, file, feature.name)  # searches the file, so only where it is needed
                findings.append(_describe_violation(reason, mask, table[feature.name], feature, file, line))
            invalid |= mask
    for reason, mask in _find_set_aside(rows, recipe, file, findings).items():
        invalid |= mask
        if mask.any():
            what = f"{reason}: {int(mask.sum())} of {len(mask)} rows are set aside"
            remedy = "correct the values in transform, or the masks of set_aside: they are true for rows to set aside"
            severity = grade(bool(mask.mean() > _LARGE_SHARE))
            findings.append(Finding(severity, "rows", what, remedy, file, _line(file, "set_aside")))
    try:
        check_label(rows, table, recipe)
    except FirelibError as error:
        is_known = any(finding.line == _line(file, "label") for finding in findings)
        findings += [] if is_known else [from_error(error, "rows", file, _line(file, "label"))]
    return table.filter(pa.array(~invalid)) if not invalid.all() else None


def _find_set_aside(
    rows: pd.DataFrame, recipe: Recipe, file: str | None, findings: list[Finding]
) -> dict[str, npt.NDArray[np.bool_]]:
    line = _line(file, "set_aside")
    try:
        return find_masks(rows, recipe, "set_aside")
    except FirelibError as error:
        findings.append(from_error(error, "transform", file, locate(error.__cause__ or error, file) or line))
    except Exception as error:  # noqa: BLE001  set_aside is the user's code
        findings.append(_explain(error, "set_aside", file, line))
    return {}


def _describe_violation(
    reason: str,
    mask: npt.NDArray[np.bool_],
    column: pa.ChunkedArray,
    feature: Feature,
    file: str | None,
    line: int | None,
) -> Finding:
    value = column[int(np.flatnonzero(mask)[0])].as_py()
    shown = repr(value)[:60]
    remedies = {
        "missing": "declare nullable=True (for integers also missing=…), fill it in transform, or exclude these rows; "
        "if it comes from a joined table, compare the values that the tables are joined by",
        "longer": "declare a larger max_length, or shorten the text in transform",
        "outside": "correct range=(…), or the values in transform",
        "has not": f"give every row the shape {feature.shape} in transform, or declare another shape",
    }
    remedy = next((text for word, text in remedies.items() if word in reason), "correct the values in transform")
    share = f"{int(mask.sum())} of {len(mask)} rows are set aside"
    severity = grade(bool(mask.mean() > _LARGE_SHARE))
    return Finding(severity, "rows", f"{reason}, got {shown}: {share}", remedy, file, line, shown)


def _feature_line(recipe: Recipe, file: str | None, name: str) -> int | None:
    """The line that declares a column: a feature, the label, a part of the key."""
    if file is None:
        return None
    part = "label" if name == recipe.label.name else "features"
    if name not in {feature.name for feature in (*recipe.features, recipe.label)}:
        part = "test_rows" if name == recipe.test_rows else "key"
    return declaration_line(file, part, name)


def _line(file: str | None, part: str) -> int | None:
    return declaration_line(file, part) if file else None
