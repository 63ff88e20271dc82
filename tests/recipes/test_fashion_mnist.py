"""The recipe on small generated IDX files, and on the real files where they are installed."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from firelib.config import Environment, load_params
from firelib.data.extract import extract
from firelib.data.formats.read import read_raw_files
from firelib.data.sources.fetch import fetch
from firelib.data.transform import transform
from firelib.evaluate.evaluate import evaluate
from firelib.evaluate.input_rows.read import from_json
from firelib.evaluate.predict import predict
from firelib.project_layout import Paths
from firelib.recipe import FittedFeature, Source, load_recipe
from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.driver.train_stage import train
from tests.data.idx_files import idx_bytes, images
from tests.project import ROOT

PIPELINE = ROOT / "pipelines/fashion_mnist"
ROWS = {"train": 600, "t10k": 100}
UNTRACKED = Environment(tracking="none")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """The recipe with four small files: plain files, and compressed files in a folder."""
    folder = tmp_path_factory.mktemp("idx")
    (folder / "compressed").mkdir()
    recipe = load_recipe("fashion_mnist")
    recipe.sources = {name: small(source, folder) for name, source in recipe.sources.items()}
    return recipe


def small(source: Source, folder: Path) -> Source:
    name = source.uri.rpartition("/")[2].removesuffix(".gz")
    part = name.partition("-")[0]
    pictures, labels = images(ROWS[part], seed=len(part))
    content = idx_bytes(pictures if "images" in name else labels)
    (folder / name).write_bytes(content)
    (folder / "compressed" / f"{name}.gz").write_bytes(gzip.compress(content))
    digest = hashlib.sha256(content).hexdigest()
    return Source(f"http://127.0.0.1:9/{name}.gz", sha256=digest, copies=(str(folder / name),))


def params(**train_settings):
    loaded = load_params(PIPELINE / "params.yaml")
    settings = {"workers": 1, "global_batch_size": 32, "epochs": 2, "lr": 0.02, **train_settings}
    model = {"filters": [4], "dense": 16}
    return loaded.model_copy(update={"train": loaded.train.model_copy(update=settings), "model": model})


@pytest.fixture(scope="module")
def dataset(recipe, tmp_path_factory, ray_cluster):
    """The pipeline up to the dataset; tests only read it."""
    folder = tmp_path_factory.mktemp("fashion")
    paths = Paths("fashion_mnist", str(folder / "storage"), folder)
    extract(recipe, paths)
    return paths, transform(recipe, params(), paths)


@pytest.fixture(scope="module")
def made(recipe, dataset):
    """The whole pipeline, run once."""
    paths, _ = dataset
    train(recipe, params(), UNTRACKED, paths)
    return paths, evaluate(recipe, paths)


def test_official_test_images_are_the_test_split(dataset):
    paths, manifest = dataset
    assert manifest.quality["rejected"] == {}
    assert {name: split.rows for name, split in manifest.splits.items() if name == "test"} == {"test": ROWS["t10k"]}
    assert sum(split.rows for split in manifest.splits.values()) == sum(ROWS.values())
    assert manifest.splits["validation"].rows == pytest.approx(0.1 * ROWS["train"], rel=0.5)
    test = open_dataset(str(paths.manifest)).as_numpy("test")
    pictures, labels = images(ROWS["t10k"], seed=4)
    expected = {(picture.tobytes(), int(label)) for picture, label in zip(pictures, labels, strict=True)}
    assert test["image"].shape == (ROWS["t10k"], 28, 28)
    assert {(p.tobytes(), int(c)) for p, c in zip(test["image"], test["clothing"], strict=True)} == expected


def test_records_have_one_length(dataset):
    assert dataset[1].record_bytes is not None


@pytest.mark.integration
def test_metrics_cover_every_class_and_the_baselines(made):
    paths, results = made
    assert list(results) == ["model", "extra_trees", "class_prior"]
    assert set(results["model"]) == {"accuracy", "log_loss", "macro_f1"}
    assert results["model"]["accuracy"] > 0.5 > results["class_prior"]["accuracy"]
    figures = json.loads(paths.class_metrics.read_text())
    assert set(figures) == set(load_recipe("fashion_mnist").classes)
    assert sum(row["rows"] for row in figures.values()) == ROWS["t10k"]


@pytest.mark.integration
def test_dvc_yaml_lists_all_outputs_of_the_stages(made):
    listed = set()
    for stage in yaml.safe_load((PIPELINE / "dvc.yaml").read_text())["stages"].values():
        assert stage["wdir"] == "../.."
        for kind in ("outs", "metrics", "plots"):
            listed |= {out if isinstance(out, str) else next(iter(out)) for out in stage.get(kind, ())}
    root = made[0].project
    assert [path for path in listed if not (root / path).exists()] == []
    left = {str(path.relative_to(root)) for kind in ("plots", "metrics") for path in (root / kind).rglob("*.*")}
    assert left <= listed


@pytest.mark.integration
def test_predict_names_the_classes(made, recipe):
    pictures, labels = images(20, seed=9)
    rows = [{"image": picture.tolist()} for picture in pictures]
    scores = predict(from_json(rows, recipe, "here"), recipe, made[0].model)
    right = [
        next(iter(score["clothing"])) == recipe.classes[label] for score, label in zip(scores, labels, strict=True)
    ]
    assert np.mean(right) > 0.5


def test_folder_and_copies_give_the_same_lake(recipe, tmp_path):
    compressed = Path(recipe.sources["train_images"].copies[0]).parent / "compressed"
    folders = {"copies": None, "folder": compressed}
    lakes = []
    for name, sources in folders.items():
        paths = Paths("fashion_mnist", str(tmp_path / name / "storage"), tmp_path / name, sources)
        extract(recipe, paths)
        lakes.append(paths.lake_json.read_bytes())
    assert lakes[0] == lakes[1]


def test_the_model_has_no_state_per_worker():
    import keras

    recipe = load_recipe("fashion_mnist")
    fitted = {feature.name: FittedFeature(feature) for feature in recipe.features}
    model = recipe.build_model(fitted, {**recipe.parameters, "lr": 0.1})
    assert model.non_trainable_variables == []
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in model.layers)
    scores = model({"image": np.zeros((3, 28, 28), np.uint8)}).numpy()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    assert scores.shape == (3, len(recipe.classes))


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="Debian's dataset-fashion-mnist is not installed"
)
def test_the_real_files_are_the_published_ones(tmp_path):
    recipe = load_recipe("fashion_mnist")
    rows = {name: read_raw_files(fetch(source, tmp_path), source).num_rows for name, source in recipe.sources.items()}
    assert rows == {"train_images": 60_000, "train_labels": 60_000, "test_images": 10_000, "test_labels": 10_000}
