"""Compare the statistics of a new dataset with the recipe's expectations, before it replaces the old one."""

from collections.abc import Iterator, Mapping

from firelib.console import note
from firelib.errors import FirelibError
from firelib.recipe import Expectation, FittedFeature, Recipe
from firelib.tfrecord.format.manifest import Manifest

_MOST_REASONS = 3  # in an error


def check_expectations(recipe: Recipe, manifest: Manifest, drift: Mapping[str, float]) -> None:
    """Refuse a dataset whose statistics are not as expected; note what the recipe only warns of.

    The statistics are those of the manifest, so no row is read again.

    Args:
        recipe: Has the expectations.
        manifest: Has the statistics of the training split.
        drift: Feature or label → PSI since the kept model was trained; those that are not known have no limit.

    Raises:
        FirelibError: Expectations with `on_failure="fail"` are not met, or too many rows are set aside; the error
            names all of them.
    """
    fitted = manifest.fitted
    failed = {"fail": list[str](), "warn": list[str]()}
    for expectation in recipe.expectations:
        failures = failed[expectation.on_failure]
        if expectation.feature in fitted:  # the label has no statistics
            failures += find_failures(expectation, fitted[expectation.feature])
        failures += find_drift(expectation, drift.get(expectation.feature))
    failed["fail"] += find_excess(recipe, manifest)
    for what in failed["warn"]:
        note(f"note: {what}")
    if failed["fail"]:
        raise FirelibError(
            "\n".join(failed["fail"]),
            where=f"recipe {recipe.name!r}: expectations",
            remedy="compare the data with those before (firelib data diff), and correct them; or choose an older "
            "data.version, or change the expectations",
        )


def find_excess(recipe: Recipe, manifest: Manifest) -> Iterator[str]:
    """Which share of the rows is set aside, if that is too large.

    Args:
        recipe: Has the limit.
        manifest: Counts the rows.
    """
    set_aside = sum(manifest.quality["rejected"].values())
    share = set_aside / max(1, manifest.quality["read"] - sum(manifest.quality["excluded"].values()))
    if share > recipe.most_set_aside:
        limit = f"{100 * recipe.most_set_aside:.6g}%"
        most = "; ".join(f"{rows:,} ({reason})" for reason, rows in _find_largest(manifest.quality["rejected"]))
        yield f"expected at most {limit} of the rows set aside, got {100 * share:.6g}%: {most}"


def _find_largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_REASONS]


def find_drift(expectation: Expectation, psi: float | None) -> Iterator[str]:
    """How far a feature has moved, if that is too far.

    Args:
        expectation: The limit.
        psi: Its population stability index; None if it is not known.
    """
    if psi is not None and expectation.psi is not None and psi > expectation.psi:
        limit = f"at most {expectation.psi:g}"
        yield f"{expectation.feature}: has moved since the model was trained: expected a PSI of {limit}, got {psi:.3f}"


def find_failures(expectation: Expectation, fitted: FittedFeature) -> Iterator[str]:
    """Which statistics are not as expected.

    Args:
        expectation: The bounds.
        fitted: The feature with its statistics.
    """
    name, share = expectation.feature, fitted.missing / max(1, fitted.count + fitted.missing)
    if expectation.missing is not None and share > expectation.missing:
        yield f"{name}: expected at most {100 * expectation.missing:.6g}% missing values, got {100 * share:.6g}%"
    statistics = {"mean": fitted.mean, "std": fitted.std} if fitted.count else {"mean": None, "std": None}
    for statistic, value in {**statistics, "distinct": _count_words(fitted)}.items():
        bound = getattr(expectation, statistic)
        if bound and (value is None or not bound[0] <= value <= bound[1]):
            got = f"{value:.10g}" if value is not None else "too many to count" if fitted.count else "no values"
            yield f"{name}: expected {statistic} from {bound[0]:.10g} to {bound[1]:.10g}, got {got}"


def _count_words(fitted: FittedFeature) -> int | None:
    """Number of distinct strings; None for free text, whose vocabulary is not kept."""
    return None if fitted.count and not fitted.vocabulary else len(fitted.vocabulary) + fitted.cut_words
