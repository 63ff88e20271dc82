import subprocess
import sys
from dataclasses import replace

import pytest

from firelib.storage import Owner


def test_this_process_is_alive():
    owner = Owner.current()
    assert owner.is_alive
    assert not owner.has_ended
    assert "." not in owner.token


def test_a_process_has_ended():
    code = "from firelib.storage import Owner; print(Owner.current().token)"
    token = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    owner = Owner.parse(token)
    assert owner.has_ended
    assert not owner.is_alive


def test_another_process_with_the_same_id_is_not_the_owner():
    owner = replace(Owner.current(), started=Owner.current().started - 60)
    assert owner.has_ended


def test_nothing_is_known_of_other_hosts():
    owner = replace(Owner.current(), host="elsewhere")
    assert not owner.is_alive
    assert not owner.has_ended


@pytest.mark.parametrize(
    "text", ["", "host", "host-1", "host-1-x", "a.b-1-2", "host-1-2-3.tmp", "host-1-" + "9" * 5000]
)
def test_other_texts_are_not_owners(text):
    assert Owner.parse(text) is None
