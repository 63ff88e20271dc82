"""Wrong fields become one error that names them, and no value that may be secret."""

import pytest

from firelib.launch.field_errors import parse_fields
from firelib.launch.job_spec import Replicas
from tests.errors import refused
from tests.launch.jobs import job


def test_plain_data_becomes_an_instance():
    assert parse_fields(Replicas, {"count": 2}, where="job.yaml") == Replicas(2)


def test_all_wrong_fields_are_in_one_error():
    problems = [("count:", "expected", "got 0"), ("restarts:", "expected", "got 'often'")]
    with refused(what=problems, where="job.yaml", remedy="docs/submit.md"):
        parse_fields(Replicas, {"count": 0, "restarts": "often"}, where="job.yaml")


def test_a_missing_field_is_named():
    with refused(what="resources.gpu.kind is missing"):
        job(resources={"gpu": {"count": 2}})


def test_unknown_fields_name_the_nearest_at_every_level():
    with refused(
        what=[
            ("imag", "'image'"),
            ("resources.cpu", "'cpus'"),
            ("resources.gpu.kin", "'kind'"),
            ("replicas.buying", "known: count, minimum, provisioning, restarts"),
        ]
    ):
        job(imag="x", resources={"cpu": 1, "gpu": {"kin": "l4", "kind": "l4"}}, replicas={"buying": "spot"})


@pytest.mark.parametrize("field", ["env", "secrets"])
def test_a_value_of_the_wrong_type_is_not_shown(field):
    with refused(what=f"{field}.API") as caught:
        job(**{field: {"API": 4711}})
    assert "4711" not in str(caught.value)
