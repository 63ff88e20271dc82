"""Paths of a recipe: small files in the project, large data under the storage root."""

from dataclasses import dataclass
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError, did_you_mean

PIPELINES = "pipelines"
#: Folder of the records of submitted jobs, relative to the project.
JOBS = Path(".firelib", "jobs")


def make_private_folder(project: Path, *names: str) -> Path:
    """Make a folder below `.firelib/`, which holds what firelib knows about this copy of the project; git ignores it.

    Args:
        project: The project's folder.
        names: Names of the folder and of those above it.
    """
    private = project / ".firelib"
    folder = private.joinpath(*names)
    folder.mkdir(parents=True, exist_ok=True)
    ignored = private / ".gitignore"  # for projects whose own file does not name the folder
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
    return folder


def find_project(params: Path) -> Path:
    """Project folder of a params.yaml: its own folder, or two levels up for `pipelines/<recipe>/params.yaml`."""
    folder = params.absolute().parent
    return folder.parent.parent if folder.parent.name == PIPELINES else folder


def find_params(recipe: str, project: Path) -> Path:
    """Find the params.yaml of a recipe's own pipeline.

    Args:
        recipe: The recipe's name.
        project: The project's folder.

    Returns:
        `pipelines/<recipe>/params.yaml`.

    Raises:
        FirelibError: The file does not exist.
    """
    path = project / PIPELINES / recipe / "params.yaml"
    if not path.is_file():
        known = sorted(file.parent.name for file in (project / PIPELINES).glob("*/params.yaml"))
        raise FirelibError(
            f"no pipeline for recipe {recipe!r}: {PIPELINES}/{recipe}/params.yaml does not exist",
            where=str(project / PIPELINES),
            remedy=did_you_mean(recipe, known) if known else "create it as docs/recipe.md shows",
        )
    return path


@dataclass(frozen=True)
class Paths:
    """Paths of one recipe.

    Attributes:
        recipe: The recipe's name.
        root: Absolute URI of the storage root.
        project: Folder that holds data/, models/, metrics/ and plots/.
        sources: Folder that is searched first for raw files whose hash is known.
        elsewhere: Whether this process is a job in an ephemeral copy of the project. Shards then go below the storage
            root, which all nodes can read.
    """

    recipe: str
    root: str
    project: Path
    sources: Path | None = None
    elsewhere: bool = False

    @property
    def lake(self) -> str:
        """URI of the folder of Delta tables, one per raw table."""
        return storage.join(self.root, "lake", self.recipe)

    @property
    def downloads(self) -> Path:
        """Folder of downloaded raw files."""
        return self.project / "downloads"

    @property
    def scratch(self) -> str:
        """URI of temporary files, which a stage removes when it ends."""
        return storage.join(self.root, "scratch", self.recipe)

    @property
    def runs(self) -> str:
        """URI of the folder of training runs, which holds their checkpoints."""
        return storage.join(self.root, "runs")

    @property
    def leases(self) -> str:
        """URI of the folder of files that name the process that trains a run."""
        return storage.join(self.root, "leases")

    @property
    def datasets(self) -> str:
        """URI of the folder of datasets."""
        return storage.join(self.root, "datasets")

    @property
    def shards(self) -> str:
        """URI of the folder of the recipe's shards, which its datasets share, each named by its content.

        The manifests of the datasets are in it, too, each named by its hash.
        """
        return storage.join(self.shared, "datasets", self.recipe)

    @property
    def records(self) -> str:
        """URI of the folder of what is known about the generations of the recipe's rows."""
        return storage.join(self.shared, "generations", self.recipe)

    @property
    def shared(self) -> str:
        """URI below which datasets share shards: the storage root; of local stages, never a bucket."""
        is_shared = self.elsewhere or storage.is_local(self.root)
        return self.root if is_shared else str(self.project / ".firelib")

    @property
    def lake_json(self) -> Path:
        """The file that pins the versions of the lake's tables."""
        return self.project / "data" / self.recipe / "lake.json"

    @property
    def tfrecords(self) -> Path:
        """Folder of the dataset."""
        return self.project / "data" / self.recipe / "tfrecords"

    @property
    def manifest(self) -> Path:
        """The dataset's manifest."""
        return self.tfrecords / "manifest.json"

    @property
    def set_aside(self) -> Path:
        """Rows set aside because a value is outside of its declared range, with the reason."""
        return self.project / "data" / self.recipe / "rejected.parquet"

    @property
    def model(self) -> Path:
        """Folder of the trained model."""
        return self.project / "models" / self.recipe

    @property
    def metrics(self) -> Path:
        """Folder of metrics."""
        return self.project / "metrics" / self.recipe

    @property
    def test_metrics(self) -> Path:
        """Metrics of the model on the test split."""
        return self.metrics / "test.json"

    @property
    def baseline_metrics(self) -> Path:
        """Metrics of the baselines on the test split."""
        return self.metrics / "baselines.json"

    @property
    def class_metrics(self) -> Path:
        """Metrics of each class, for labels with more than two classes."""
        return self.metrics / "classes.json"

    @property
    def plots(self) -> Path:
        """Folder of curves and charts."""
        return self.project / "plots" / self.recipe
