import pytest

from firelib.gcp.bucket_locations import covers


@pytest.mark.parametrize(
    ("location", "pair", "expected"),
    [
        ("EUROPE-WEST4", (), True),
        ("EU", (), True),
        ("EUR4", (), True),
        ("EU", ("EUROPE-WEST4", "EUROPE-NORTH1"), True),
        ("EU", ("EUROPE-WEST1", "EUROPE-NORTH1"), False),  # a pair of regions on the same continent
        ("EUR5", (), False),
        ("US", (), False),
        ("europe-west1", (), False),
        ("europe", (), False),
    ],
)
def test_a_region_is_covered(location: str, pair: tuple[str, ...], expected: bool) -> None:
    assert covers(location, "europe-west4", pair) is expected
