"""The list of contenders."""

from importlib.util import find_spec

import pytest

from benchmarks.input.contenders import AHEAD_OF, CONTENDERS, OURS, SHORT, chosen

NAMES = [contender.name for contender in CONTENDERS]


def test_names_are_unique_and_known() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {OURS, *SHORT, *AHEAD_OF} <= set(NAMES)


def test_all_peers_of_the_goal_are_in_it() -> None:
    families = {name.split(",")[0] for name in AHEAD_OF}
    assert families == {"Grain", "MDS", "LitData", "Ray Data"}
    assert OURS not in AHEAD_OF
    assert "Ray Data, TFRecord" not in AHEAD_OF


def test_loaders_exist() -> None:
    modules = {name for contender in CONTENDERS for name in (contender.loader, contender.files)}
    assert [name for name in sorted(modules) if find_spec(f"benchmarks.peers.loaders.{name}") is None] == []


def test_contenders_are_chosen_by_name() -> None:
    assert chosen([]) == list(CONTENDERS)
    assert [contender.name for contender in chosen(["Grain", OURS])] == ["Grain", OURS]
    with pytest.raises(ValueError, match="unknown contenders: Grian; choose from firelib"):
        chosen(["Grian"])
