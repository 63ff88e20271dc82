"""Where a recipe's files lie in the project, and where its heavy things lie under the storage root."""

from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError, did_you_mean

PIPELINES = "pipelines"


def project_of(params: Path) -> Path:
    """The project's folder: where params.yaml lies, or two above it for `pipelines/<recipe>/params.yaml`."""
    folder = params.absolute().parent
    return folder.parent.parent if folder.parent.name == PIPELINES else folder


def params_of(recipe: str, project: Path) -> Path:
    """params.yaml of a recipe's own pipeline.

    Raises:
        FirelibError: There is none.
    """
    path = project / PIPELINES / recipe / "params.yaml"
    if not path.is_file():
        known = sorted(file.parent.name for file in (project / PIPELINES).glob("*/params.yaml"))
        raise FirelibError(
            f"there is no pipeline for recipe {recipe!r}",
            where=str(project / PIPELINES),
            remedy=did_you_mean(recipe, known) if known else "make one: see docs/recipe.md",
        )
    return path


@dataclass(frozen=True)
class Paths:
    """The places of one recipe.

    Attributes:
        recipe: The recipe's name.
        root: Absolute URI of the storage root.
        project: Folder that holds data/, models/, metrics/ and plots/.
        sources: Folder to look in first for raw files whose hash is known.
        elsewhere: Whether this is a job on another host: shards go below the storage root, where all hosts see them.
    """

    recipe: str
    root: str
    project: Path
    sources: Path | None = None
    elsewhere: bool = False

    @property
    def lake(self) -> str:
        """URI below which each raw table is a Delta table."""
        return storage.join(self.root, "lake", self.recipe)

    @property
    def downloads(self) -> Path:
        return self.project / "downloads"

    @property
    def scratch(self) -> str:
        """URI for what a stage throws away when it ends."""
        return storage.join(self.root, "scratch", self.recipe)

    @property
    def runs(self) -> str:
        """URI below which each training run keeps its checkpoints."""
        return storage.join(self.root, "runs")

    @property
    def datasets(self) -> str:
        """URI below which datasets lie under the hashes of their manifests."""
        return storage.join(self.root, "datasets")

    @property
    def lake_json(self) -> Path:
        return self.project / "data" / self.recipe / "lake.json"

    @property
    def tfrecords(self) -> Path:
        return self.project / "data" / self.recipe / "tfrecords"

    @property
    def manifest(self) -> Path:
        return self.tfrecords / "manifest.json"

    @property
    def rejected(self) -> Path:
        """Rows that broke a declared range, with the reason."""
        return self.project / "data" / self.recipe / "rejected.parquet"

    @property
    def model(self) -> Path:
        return self.project / "models" / self.recipe

    @property
    def metrics(self) -> Path:
        return self.project / "metrics" / self.recipe

    @property
    def test_metrics(self) -> Path:
        return self.metrics / "test.json"

    @property
    def baseline_metrics(self) -> Path:
        return self.metrics / "baselines.json"

    @property
    def class_metrics(self) -> Path:
        """Figures of each class, for labels with several."""
        return self.metrics / "classes.json"

    @property
    def plots(self) -> Path:
        return self.project / "plots" / self.recipe
