"""Which transforms are proved to make each row from one row of the table that grows."""

from collections.abc import Callable
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pytest

from firelib.data.generations.independence import EagerComputation, explain_dependence
from firelib.recipe import hash_rows, number_rows, rows

Transform = Callable[[Any, Any], Any]


def numbers(count: int, partitions: int, name: str) -> Any:
    """A table as those of the lake are: read partition by partition, with unknown divisions."""
    frame = pd.DataFrame({"id": range(count), "shop": 0, name: 1.5})
    return table([frame.iloc[index::partitions] for index in range(partitions)], name)


def table(parts: list[pd.DataFrame], label: str) -> Any:
    return dd.from_map(lambda part: part, parts, meta=parts[0].iloc[:0], label=label)


def double(part: pd.DataFrame, *_: Any) -> pd.DataFrame:
    return part.assign(double=part["id"] * 2)


def numbered(part: pd.DataFrame, partition_info: Any = None) -> pd.DataFrame:
    return part.assign(part=(partition_info or {}).get("number", 0))


@rows
def row_wise(part: pd.DataFrame) -> pd.DataFrame:
    return part.assign(double=part["id"] * 2)


INDEPENDENT: dict[str, Transform] = {
    "the table": lambda orders, _: orders,
    "columns": lambda orders, _: orders.assign(half=orders["id"] / 2)[["id", "half"]].rename(columns={"half": "x"}),
    "filter": lambda orders, _: orders[orders["id"] > 3],
    "query and fill": lambda orders, _: orders.query("id > 1").fillna(0).astype({"shop": "int32"}),
    "text": lambda orders, _: orders.assign(text=orders["shop"].astype(str).str.upper()),
    "map_partitions": lambda orders, _: orders.map_partitions(double),
    "map_partitions with a small table": lambda orders, shops: orders.map_partitions(
        double, shops.repartition(npartitions=1)
    ),
    "row-wise function": lambda orders, _: row_wise(orders),
    "left join": lambda orders, shops: orders.merge(shops, how="left", on="shop"),
    "inner join from the right": lambda orders, shops: shops.merge(orders, how="inner", on="shop"),
    "joins": lambda orders, shops: orders.merge(shops.groupby("shop")["rent"].sum().reset_index(), on="shop").merge(
        shops[["id"]], how="left", on="id"
    ),
    "mean of another table": lambda orders, shops: orders.assign(x=orders["amount"] - shops["rent"].mean()),
    "copies": lambda orders, _: dd.concat([orders, orders.assign(id=orders["id"] + 100)]),
}
DEPENDENT: dict[str, Transform] = {
    "group-by": lambda orders, _: orders.groupby("shop")["amount"].sum().reset_index(),
    "mean": lambda orders, _: orders.assign(x=orders["amount"] - orders["amount"].mean()),
    "self-join": lambda orders, _: orders.merge(orders[["shop", "amount"]], on="shop"),
    "outer join": lambda orders, shops: orders.merge(shops, how="outer", on="shop"),
    "left join from the right": lambda orders, shops: shops.merge(orders, how="left", on="shop"),
    "concatenation": lambda orders, shops: dd.concat([orders, shops]),
    "duplicates": lambda orders, _: orders.drop_duplicates("shop"),
    "sort": lambda orders, _: orders.sort_values("amount"),
    "index": lambda orders, _: orders.set_index("id").reset_index(),
    "shuffle": lambda orders, _: orders.shuffle("shop").map_partitions(double),
    "one partition": lambda orders, _: orders.repartition(npartitions=1).map_partitions(double),
    "overlap": lambda orders, _: orders.map_overlap(double, 1, 0),
    "shift": lambda orders, _: orders.assign(x=orders["amount"].shift(1)),
    "cumulative sum": lambda orders, _: number_rows(orders),
    "hash of rows": lambda orders, _: hash_rows(orders),
    "some partitions": lambda orders, _: orders.partitions[0],
    "sample": lambda orders, _: orders.sample(frac=0.5),
    "number of the partition": lambda orders, _: orders.map_partitions(numbered),
    "rows of another table": lambda orders, shops: shops.map_partitions(double, orders.repartition(npartitions=1)),
    "lookup in the table": lambda orders, shops: shops.map_partitions(double, orders[["id"]]),
    "no row of the table": lambda _, shops: shops,
    "delayed": lambda orders, _: dd.from_delayed(orders.to_delayed()),
}


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("name", INDEPENDENT)
def test_independent(name: str, partitions: int) -> None:
    orders, shops = numbers(12, partitions, "amount"), numbers(5, 2, "rent")
    assert explain_dependence(INDEPENDENT[name](orders, shops), orders) is None


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("name", DEPENDENT)
def test_dependent(name: str, partitions: int) -> None:
    orders, shops = numbers(12, partitions, "amount"), numbers(5, 2, "rent")
    if name == "lookup in the table" and partitions == 3:
        shops = numbers(5, 3, "rent")
    assert explain_dependence(DEPENDENT[name](orders, shops), orders)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_parts_give_the_rows_of_the_whole(name: str) -> None:
    """What is proved holds: the rows of two parts of the table are the rows of the table."""
    frame, shops = pd.DataFrame({"id": range(12), "shop": 0, "amount": 1.5}), numbers(5, 2, "rent")
    pieces = [frame.iloc[index::4] for index in range(4)]
    whole = INDEPENDENT[name](table(pieces, "whole"), shops).compute(scheduler="synchronous")
    halves = [table(pieces[:1], "first"), table(pieces[1:], "second")]
    parts = pd.concat([INDEPENDENT[name](half, shops).compute(scheduler="synchronous") for half in halves])
    by = list(whole.columns)
    pd.testing.assert_frame_equal(
        parts.sort_values(by, ignore_index=True), whole.sort_values(by, ignore_index=True), check_dtype=False
    )


@pytest.mark.parametrize("compute", [lambda t: t.compute(), len, lambda t: t.head(), lambda t: t["id"].max().compute()])
def test_a_computation_is_noticed(compute: Callable[[Any], Any]) -> None:
    with EagerComputation() as eager:
        compute(numbers(12, 3, "amount"))
    assert eager.found


def test_description_and_examples_are_no_computation() -> None:
    with EagerComputation() as eager:
        row_wise(numbers(12, 3, "amount")).map_partitions(double)
    assert not eager.found
