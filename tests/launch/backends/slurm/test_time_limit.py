"""Time limits in Slurm's words."""

import pytest

from firelib.launch.backends.slurm.time_limit import parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 300),
        ("1:30", 90),
        ("12:00:00", 43200),
        ("2-00", 172800),
        ("1-2:30", 95400),
        ("1-02:30:05", 95405),
    ],
)
def test_each_form_is_understood(text, seconds):
    assert parse_seconds(text) == seconds
