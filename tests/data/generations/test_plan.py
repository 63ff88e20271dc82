"""Generations are a pure function of the list of commits."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from firelib.data.generations.plan import Generation, estimate_row_bytes, explain_single, plan_generations
from firelib.data.lake import Commit, Lake, TableRecord
from firelib.recipe import Feature, Source, load_recipe
from firelib.tfrecord.format.framing import framed_bytes
from firelib.tfrecord.write.shard_writer import choose_layout
from tests.recipes.tiny import Tiny

SHARD_BYTES = 4000  # a quarter of it are 10 rows of 100 bytes
ROW_BYTES = 100


def commits(*added: int) -> tuple[Commit, ...]:
    """A commit for each number of added rows."""
    return tuple(
        Commit(version=version, rows=rows, group={"day": version}, sha256=f"{version}")
        for version, rows in enumerate(accumulate(added))
    )


def plan(*added: int, window: int = 0) -> list[Generation]:
    return plan_generations("orders", commits(*added), ROW_BYTES, SHARD_BYTES, window)


def versions(generations: list[Generation]) -> list[list[int]]:
    return [[commit.version for commit in generation.commits] for generation in generations]


def test_a_generation_closes_at_a_quarter_of_a_shard() -> None:
    assert versions(plan(3, 3, 3, 1, 10, 9, 500, 2)) == [[0, 1, 2, 3], [4], [5, 6], [7]]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.lists(st.integers(0, 30), max_size=10))
def test_more_commits_leave_all_generations_but_the_last_as_they_are(first: list[int], more: list[int]) -> None:
    before, after = plan(*first), plan(*first, *more)
    assert after[: len(before) - 1] == before[:-1]
    assert sum(versions(after), []) == [*range(len(first) + len(more))]  # noqa: RUF017  a few short lists
    assert [generation.index for generation in after] == [*range(len(after))]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_only_the_last_generation_is_small(added: list[int]) -> None:
    for generation in plan(*added)[:-1]:
        assert sum(added[commit.version] for commit in generation.commits) >= SHARD_BYTES / 4 / ROW_BYTES


def test_the_size_of_a_row_is_exact_in_the_fixed_layout() -> None:
    flights = load_recipe("flights")
    layout = choose_layout([*flights.features, flights.label])
    assert estimate_row_bytes(flights) == framed_bytes(layout.record_bytes)
    assert estimate_row_bytes(flights, copies=3) == 3 * estimate_row_bytes(flights)


class Texts(Tiny):
    features = (Feature("text", "string"), Feature("picture", "bytes"), Feature("tags", "string", ragged=True))


def test_other_rows_have_a_size_too() -> None:
    assert 1000 < estimate_row_bytes(Texts()) < 1e6


def lake(*tables: str) -> Lake:
    made = commits(5, 5)
    table = TableRecord(source="", sha256="", columns={}, rows=10, version=1, commits=made)
    return Lake(recipe="tiny", tables=dict.fromkeys(tables, table))


def with_sources(*growing: str, kind: type[Tiny] = Tiny) -> Tiny:
    recipe = kind()
    recipe.sources = {name: Source(f"{name}.csv", commit_by=("day",)) for name in growing}
    return recipe


class Stratified(Tiny):
    stratify_by = ("big",)


def test_the_declarations_may_allow_one_generation_only() -> None:
    assert explain_single(with_sources("orders"), lake("orders")) is None
    assert "commit_by" in str(explain_single(with_sources(), lake("orders")))
    assert "orders, shops" in str(explain_single(with_sources("orders", "shops"), lake("orders", "shops")))
    assert "strat" in str(explain_single(with_sources("orders", kind=Stratified), lake("orders")))
