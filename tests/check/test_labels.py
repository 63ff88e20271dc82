"""Values of the label that are no class."""

import pyarrow as pa
import pytest

from firelib.check.labels import check_class_names
from firelib.check.sources import Preview
from firelib.recipe import Feature
from tests.evaluate.scored import Scored

LABEL = Feature("kind", "int64", range=(0, 1))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["cat", "dog", None], []),
        (["cat", "dog", "Dog ", "Dog ", "cow"], ["Dog "]),
        (["a cat", "a dog"], []),  # prepare may write the classes in another way
    ],
)
def test_other_spellings_are_named(values: list[str | None], found: list[str]) -> None:
    recipe = Scored(Feature("x", "float32"), label=LABEL, classes=("cat", "dog"))
    for kind in (pa.string(), pa.large_string()):
        preview = Preview({"rows": pa.table({"kind": pa.array(values, kind)})}, set(), [])
        findings = list(check_class_names(preview, recipe, None))
        assert [finding.value for finding in findings] == found
        assert all(finding.severity == "warning" and "'dog'" in finding.remedy for finding in findings)
