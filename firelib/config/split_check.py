"""Section `data.split` of params.yaml and the recipe: whether they fit, and what they declare together."""

from firelib.config.split import Split
from firelib.errors import FirelibError
from firelib.recipe import SPLITS, Recipe, SplitRule, find_split_rule

_SHARES = "set train, validation and test to shares of the rows"


def check_split(split: Split, recipe: Recipe) -> None:
    """Refuse shares where the recipe divides rows by time or by a column, and cut dates elsewhere.

    Args:
        split: Section `data.split`.
        recipe: Selects the rule (`Recipe.split_by`, `split_time`, `split_column`, `test_rows`).

    Raises:
        FirelibError: The section and the recipe contradict each other.
    """
    rule = find_split_rule(recipe)
    if rule is SplitRule.TIME:
        problem, remedy = _check_time(split, recipe)
    elif rule is SplitRule.COLUMN:
        problem = f"data.split has values, but column {recipe.split_column!r} names the split of every row"
        problem, remedy = problem if split.shares or split.cuts else "", "remove section data.split"
    else:
        problem, remedy = _check_shares(split, recipe)
    if problem:
        raise FirelibError(problem, where="params.yaml: data.split", remedy=remedy)


def _check_time(split: Split, recipe: Recipe) -> tuple[str, str]:
    got = "shares" if split.shares else "nothing"
    problem = f"data.split: expected cut dates, since the recipe splits by time ({recipe.split_time!r}), got {got}"
    return "" if split.cuts else problem, "set validation_from and test_from instead"


def _check_shares(split: Split, recipe: Recipe) -> tuple[str, str]:
    if split.cuts:
        return "data.split has cut dates, but the recipe names no time", f"set Recipe.split_time, or {_SHARES}"
    if not split.shares:
        return "data.split: expected shares of the rows, got nothing", _SHARES
    if split.test and recipe.test_rows:
        problem = f"data.split.test is {split.test:g}, but column {recipe.test_rows!r} selects the test rows"
        return problem, "set test: 0, and train and validation to a sum of 1"
    if not split.test and not recipe.test_rows:
        problem = "data.split.test is 0, but the recipe names no test rows"
        return problem, "set test to a share above 0, or set Recipe.test_rows"
    return "", ""


def declare_splits(split: Split, recipe: Recipe) -> dict[str, str]:
    """Split → what the recipe and `data.split` declare, in words.

    Args:
        split: Section `data.split`, which fits the recipe.
        recipe: Selects the rule.
    """
    if recipe.split_column:
        return {name: f"{recipe.split_column} is {name}" for name in SPLITS}
    if recipe.split_time:
        validation, test = map(str, split.cuts)
        return {"train": f"before {validation}", "validation": f"from {validation}", "test": f"from {test}"}
    declared = {name: f"{share:.1%}" for name, share in split.shares.items()}
    if recipe.test_rows:
        return {name: f"{share} of the others" for name, share in declared.items()} | {"test": recipe.test_rows}
    return declared
