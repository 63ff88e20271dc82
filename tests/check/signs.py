"""A project without mistakes, and mistakes to plant into it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firelib.check.description import Description, check_description
from firelib.check.finding import Finding

RECIPE = """\
from firelib.recipe import Feature, Source, rows

name = "signs"
sources = {
    "rows": Source("rows.csv"),
}
features = (
    Feature("number", "float32", range=(-9, 9)),
    Feature("word", "string", max_length=3),
)
label = Feature("positive", "int64", range=(0, 1))
key = ("id",)
parameters = {"width": 4}


@rows
def transform(rows):
    rows = rows.assign(twice=rows["number"] * 2)
    return rows


def build_model(features, params):
    import keras

    number = keras.Input((), name="number", dtype="float32")
    word = keras.Input((), name="word", dtype="string")
    index = keras.layers.StringLookup(vocabulary=list(features["word"].vocabulary))(word)
    hidden = keras.layers.Concatenate()([number[:, None], keras.layers.Embedding(5, params["width"])(index)])
    positive = keras.layers.Dense(1, activation="sigmoid")(hidden)
    model = keras.Model({"number": number, "word": word}, positive)
    model.compile(keras.optimizers.Adam(params["lr"]), "binary_crossentropy", metrics=["AUC"])
    return model
"""
PARAMS = """\
recipe: recipe.py
storage:
  root: storage
data:
  version: null
  split: {train: 0.6, validation: 0.2, test: 0.2}
  shard_mib: 1
train:
  workers: 1
  global_batch_size: 128
  epochs: 2
  lr: 0.05
  seed: 1
  early_stopping:
    metric: val_loss
model:
  width: 2
"""
ROWS = 300


def write_project(folder: Path) -> None:
    """A project whose label is the sign of a number."""
    numbers = np.random.default_rng(0).normal(size=ROWS)
    lines = [f"{i},{i % 4},{x:.4f},{'abc'[i % 3]},{int(x > 0)}" for i, x in enumerate(numbers)]
    (folder / "rows.csv").write_text("\n".join(["id,month,number,word,positive", *lines]) + "\n")
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "params.yaml").write_text(PARAMS)


@dataclass(frozen=True)
class Mistake:
    """A change of a project, and the finding that it must give.

    Attributes:
        old: Text of a file, which is replaced.
        new: The text instead.
        named: Words that the finding contains.
        at: Text of the line that the finding names; by default the first line of `new`.
        severity: The severity of the finding.
    """

    old: str
    new: str
    named: tuple[str, ...]
    at: str = ""
    severity: str = "error"

    def plant(self, folder: Path) -> str:
        """Change the file that has the text, and return its name."""
        for name in ("recipe.py", "params.yaml", "rows.csv"):
            text = (folder / name).read_text()
            if self.old in text:
                (folder / name).write_text(text.replace(self.old, self.new))
                return name
        raise AssertionError(f"no file has {self.old!r}")

    def require_found(self, findings: list[Finding], folder: Path) -> None:
        """Fail unless one of the findings names words and line of this mistake."""
        at = self.at or self.new.splitlines()[0]
        files = {name: (folder / name).read_text().splitlines() for name in ("recipe.py", "params.yaml")}
        lines = [(name, number + 1) for name, text in files.items() for number, line in enumerate(text) if at in line]
        assert len(lines) == 1, f"{at!r} is not on one line: {lines}"
        assert any(
            finding.severity == self.severity
            and (Path(finding.file or "").name, finding.line) == lines[0]
            and all(word in finding.what for word in self.named)
            and finding.remedy
            for finding in findings
        ), f"expected {lines[0]} with {self.named}, got {findings}"


def describe(folder: Path) -> Description:
    return check_description(folder / "params.yaml")
