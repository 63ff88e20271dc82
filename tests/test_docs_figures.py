"""Figures in the documentation equal the committed results that they are taken from."""

import csv
import json
import re
from functools import cache
from typing import Any

import pytest
import yaml

from tests.project import ROOT

METRICS = {
    "ROC AUC": "roc_auc",
    "average precision": "average_precision",
    "log loss": "log_loss",
    "accuracy": "accuracy",
    "macro F1": "macro_f1",
}
BASELINES = {
    "boosted trees": "boosted_trees",
    "extremely randomised trees": "extra_trees",
    "class prior": "class_prior",
}
NUMBERS = {"four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
TABLES = [("README.md", "metric (test split", "flights"), ("docs/fashion_mnist.md", "metric", "fashion_mnist")]


@cache
def page(name: str) -> str:
    return (ROOT / name).read_text()


def committed(path: str) -> Any:
    return json.loads((ROOT / path).read_text())


def table(name: str, title: str) -> tuple[list[str], list[list[str]]]:
    """The first table of a page whose first header starts with a title: its headers and its rows."""
    lines = page(name).splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith(f"| {title}"))
    end = next(index for index in range(begin, len(lines)) if not lines[index].startswith("|"))
    headers, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[begin:end]]
    return headers, rows


def metric(recipe: str, column: str, row: str) -> float:
    test, baselines = committed(f"metrics/{recipe}/test.json"), committed(f"metrics/{recipe}/baselines.json")
    return float((test if column == "model" else baselines[BASELINES[column]])[METRICS[row]])


def epochs(recipe: str) -> int:
    """How many epochs the committed run took."""
    return len(list(csv.DictReader((ROOT / f"plots/{recipe}/validation.csv").open())))


@pytest.mark.parametrize(("name", "title", "recipe"), TABLES)
def test_metrics_are_those_of_the_committed_run(name, title, recipe):
    headers, rows = table(name, title)
    shown = {(row[0], column): value for row in rows for column, value in zip(headers[1:], row[1:], strict=True)}
    assert shown == {(row, column): f"{metric(recipe, column, row):.3f}" for row, column in shown}


def test_list_of_recipes_shows_the_metrics_of_the_committed_runs():
    shown = re.findall(r"^\| \[?`(\w+)`.* \| (ROC AUC|accuracy) ([\d.]+) \|$", page("README.md"), re.MULTILINE)
    assert sorted(recipe for recipe, _, _ in shown) == ["fashion_mnist", "flights"]
    assert [value for _, _, value in shown] == [f"{metric(recipe, 'model', row):.3f}" for recipe, row, _ in shown]


def test_number_of_test_rows_is_that_of_the_committed_run():
    classes = committed("metrics/fashion_mnist/classes.json")
    assert f"the {sum(each['rows'] for each in classes.values()):,} official test images" in page(
        "docs/fashion_mnist.md"
    )


def test_epochs_are_those_of_the_committed_runs():
    (word,) = re.findall(r"after (\w+) epochs", page("docs/fashion_mnist.md"))
    assert NUMBERS[word] == epochs("fashion_mnist")
    shown = re.findall(r"(\d+) epochs", page("docs/costs.md"))
    assert {int(number) for number in shown} == {epochs("flights")}


def test_steps_are_those_of_the_committed_run():
    steps = committed("metrics/fashion_mnist/train.json")["steps"]
    assert f"{steps:,} steps" in page("docs/fashion_mnist.md")


def test_halving_of_the_rate_is_that_of_the_parameters():
    params = yaml.safe_load(page("pipelines/fashion_mnist/params.yaml"))
    assert f"halves every {params['model']['halve_lr_every']} steps" in page("docs/fashion_mnist.md")


def stage_figures(stages: Any) -> dict[str, tuple[float, float, float]]:
    """Stage → seconds, seconds of start-up, and MiB; in results, or in what earlier versions wrote."""
    if "cases" not in stages:
        return {name: (each["wall_s"], each["start_up_s"], each["peak_mib"]) for name, each in stages.items()}
    found = {}
    for case in stages["cases"]:
        seconds = {bar["name"]: bar["value"] for bar in case["bars"]}
        (peak,) = [line["value"] for line in case["findings"] if line["what"] == "peak memory"]
        found[case["title"]] = (seconds["whole stage"], seconds["start-up"], peak)
    return found


def test_figures_of_the_stages_are_read_from_a_new_result_too(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    measured = iter([(2.0, 50.0), (20.0, 900.0)])
    monkeypatch.setattr("benchmarks.stages.measure", lambda command: next(measured))
    from benchmarks import stages

    path = stages.save("stages", "?", [stages._measure("extract")])
    assert stage_figures(json.loads(path.read_text())) == {"extract": (20.0, 2.0, 900.0)}


def test_costs_of_the_stages_are_those_of_the_committed_benchmark():
    stages = committed("benchmarks/results/stages.json")
    _, rows = table("docs/costs.md", "stage")
    figures = stage_figures(stages)
    shown = {row[0].split(" ")[0]: row[1:] for row in rows}
    assert shown == {name: [f"{value:,.0f}" for value in values] for name, values in figures.items()}
