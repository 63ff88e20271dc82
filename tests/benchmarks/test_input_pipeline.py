"""The benchmark of input pipelines, with the contender that needs no other library, and with all others on demand."""

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks import accelerators, datasets, input_pipeline
from benchmarks.input import object_store
from benchmarks.input.contenders import CONTENDERS, OURS, Contender, chosen
from benchmarks.input.files import Files
from benchmarks.input.process import measure, with_second_attempt
from benchmarks.peers.loaders.ray_dataset import PASSES

ROWS = 2048  # a multiple of the batch, so that an epoch ends with one
OPTIONS = Namespace(batch=64, seconds=0.1, milliseconds=5, rounds=1)

HERE = [  # those that tests/benchmarks/peers do not read in their own process
    ("tf.data service", datasets.strings),
    ("Ray Data, Parquet", datasets.images),
    ("Ray Data, TFRecord", datasets.images),
]
ELSEWHERE = [contender for contender in CONTENDERS if contender.environment]


@pytest.fixture(scope="module")
def few_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(datasets.numbers(2000), tmp_path_factory.mktemp("few"))


def test_cpu_rates_belong_to_the_runs_that_the_harness_kept() -> None:
    answers = iter([(100, 2.0, 4.0), (100, 1.0, 4.0), (300, 1.0, 2.0)])
    runs = input_pipeline.Runs(lambda: dict(zip(("rows", "seconds", "cpu_seconds"), next(answers), strict=True)))
    seconds = [runs() for _ in range(3)]
    assert seconds == [2.0 / 100, 1.0 / 100, 1.0 / 300]
    assert runs.per_cpu_second([1 / seconds[2], 1 / seconds[1]]) == [150, 25]


def test_both_rates_of_a_contender_are_reported(few_files: Files) -> None:
    makers = input_pipeline._local(few_files, chosen(["in memory"]), OPTIONS)
    rows, cpu = input_pipeline._measured("20 numbers", makers, rounds=1)
    assert (rows["unit"], cpu["unit"]) == ("rows/s", "rows per CPU-second")
    for case in (rows, cpu):
        (bar,) = case["bars"]
        assert bar["name"] == "in memory"
        assert bar["value"] > 0


def test_all_contenders_get_the_same_cores(few_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_pipeline, "_CPUS", 1)
    (contender,) = chosen(["in memory"])
    way = input_pipeline._local_way(few_files, contender, OPTIONS)
    assert isinstance(way.run, input_pipeline.Runs)
    assert way.run.run_once()["cores"] == [min(os.sched_getaffinity(0))]


def test_contender_that_fails_is_omitted_with_the_reason(few_files: Files) -> None:
    contenders = [Contender("broken", "in_memory", "no_such_format", ""), *chosen(["in memory"])]
    rows, _ = input_pipeline._measured("broken", input_pipeline._local(few_files, contenders, OPTIONS), rounds=1)
    assert [bar["name"] for bar in rows["bars"]] == ["in memory"]
    assert "no_such_format" in rows["absent"]["broken"]


def test_accelerators_are_counted(few_files: Files) -> None:
    case = accelerators._measured(few_files, chosen(["in memory"]), OPTIONS)
    assert case["unit"] == "accelerators"
    (bar,) = case["bars"]
    assert bar["value"] == int(bar["value"])


def require_each_row_once(files: Files, contender: Contender, python: Path) -> None:
    job = files.job(contender, str(files.path(contender)), batch=64, cpus=2)
    epochs = PASSES if contender.loader == "ray_dataset" else 1  # its buffer mixes the epochs of one execution
    read = partial(measure, python, job, "fingerprints", {"rows": epochs * files.rows})
    hashes = Counter(with_second_attempt(read)["fingerprints"])  # Ray's start may time out on a busy machine
    assert len(hashes) == files.rows
    assert set(hashes.values()) == {epochs}


@pytest.mark.integration
@pytest.mark.parametrize(("name", "make"), HERE, ids=[name for name, _ in HERE])
def test_contender_reads_each_row_once(name: str, make: Callable[[int], datasets.Case], tmp_path: Path) -> None:
    files = Files(make(ROWS), tmp_path)
    (contender,) = chosen([name])
    require_each_row_once(files, contender, contender.python())


@pytest.mark.slow
@pytest.mark.parametrize("make", datasets.MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("contender", ELSEWHERE, ids=lambda contender: contender.name)
def test_contender_in_an_environment_of_its_own_reads_each_row_once(
    contender: Contender, make: Callable[[int], datasets.Case], tmp_path: Path
) -> None:
    files = Files(make(ROWS), tmp_path)
    try:
        python = contender.python()
    except RuntimeError as error:
        pytest.skip(str(error))
    require_each_row_once(files, contender, python)


@pytest.mark.integration
@pytest.mark.parametrize("name", [OURS, "Ray Data, Parquet"])
def test_contender_reads_from_an_object_store(name: str, few_files: Files) -> None:
    (contender,) = chosen([name])
    with object_store.running(round_trip=0.02, mib_per_second=50) as store:
        way = input_pipeline._remote_way(few_files, contender, store, OPTIONS)
        assert way.run() is not None


def test_contender_without_remote_files_says_so(few_files: Files) -> None:
    (contender,) = chosen(["Grain"])
    with pytest.raises(NotImplementedError, match="ArrayRecord has no file system"):
        input_pipeline._remote_way(few_files, contender, object_store.Store(1, 2), OPTIONS)
