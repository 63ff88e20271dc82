"""Compare the statistics of a new dataset with the recipe's expectations, before it replaces the old one."""

from collections.abc import Iterator
from typing import Any

from firelib.console import note
from firelib.errors import FirelibError
from firelib.recipe import Expectation, FittedFeature, Recipe
from firelib.tfrecord.format.manifest import Manifest


def check_expectations(recipe: Recipe, manifest: Manifest) -> None:
    """Refuse a dataset whose statistics are not as expected; note what the recipe only warns of.

    The statistics are those of the manifest, so no row is read again.

    Args:
        recipe: Has the expectations.
        manifest: Has the statistics of the training split.

    Raises:
        FirelibError: Expectations with `on_failure="fail"` are not met; the error names all of them.
    """
    fitted = manifest.fitted
    failed = {"fail": list[str](), "warn": list[str]()}
    for expectation in recipe.expectations:
        failed[expectation.on_failure] += find_failures(expectation, fitted[expectation.feature])
    for what in failed["warn"]:
        note(f"note: {what}")
    if failed["fail"]:
        raise FirelibError(
            "\n".join(failed["fail"]),
            where=f"recipe {recipe.name!r}: expectations, training split",
            remedy="compare the data with those before (firelib data diff), and correct them; or choose an older "
            "data.version, or change the expectations",
        )


def find_failures(expectation: Expectation, fitted: FittedFeature) -> Iterator[str]:
    """What is not as expected.

    Args:
        expectation: The bounds.
        fitted: The feature with its statistics.
    """
    name, share = expectation.feature, fitted.missing / max(1, fitted.count + fitted.missing)
    if expectation.missing is not None and share > expectation.missing:
        yield f"{name}: expected at most {expectation.missing:.1%} missing values, got {share:.1%}"
    measured: dict[str, Any] = {
        "mean": fitted.mean,
        "std": fitted.std,
        "distinct": len(fitted.vocabulary) + fitted.cut_words,
    }
    for statistic, value in measured.items():
        bound = getattr(expectation, statistic)
        if bound and not bound[0] <= value <= bound[1]:
            yield f"{name}: expected {statistic} from {bound[0]:g} to {bound[1]:g}, got {value:.4g}"
