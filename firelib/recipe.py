"""What a user writes: a recipe names its sources, its features and its model.

This module imports nothing heavy; recipes import Dask and Keras inside their methods.
"""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from firelib.errors import FirelibError, did_you_mean

if TYPE_CHECKING:
    import dask.dataframe as dd
    import keras
    import pandas as pd

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
DTYPES = FLOATS | INTEGERS | {"bool", "string", "bytes"}


@dataclass(frozen=True)
class Source:
    """Where one raw table comes from.

    Attributes:
        uri: `pkg://package/path` (a file inside an installed package), `http(s)://…`, or a file's path.
        sha256: Expected hash, in hex: of the file, or of what is inside of a `.gz`, which stays the same when the
            file is packed anew. Required for http(s), checked for all.
        null_values: Strings that stand for a missing value in CSV files.
        commit_by: Columns whose distinct values (ascending) become one table version each.
        copies: Files that hold the same where they exist; the first one is taken in place of `uri`.
    """

    uri: str
    sha256: str | None = None
    null_values: tuple[str, ...] = ("", "NA")
    commit_by: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.copies or self.uri.startswith(("http://", "https://"))) and not self.sha256:
            raise FirelibError(
                f"source {self.uri} has no sha256",
                remedy="a download or a copy is only reproducible with its hash: Source(uri, sha256='…')",
            )


@dataclass(frozen=True)
class Feature:
    """One column of the dataset, as the model sees it: raw values, before any normalisation.

    Attributes:
        name: Column of the frame that `transform` returns, and key of the record.
        dtype: One of float16, bfloat16, float32, float64, int8 … int64, uint8 … uint64, bool, string, bytes.
        shape: Shape of one value; () is a scalar.
        max_length: For strings: the longest value, in UTF-8 bytes; shorter ones are padded with NUL. Without it
            records differ in length, and reading is slower.
        range: Inclusive bounds. A row outside is set aside and counted, never clipped.
        nullable: Whether a value may be missing: NaN in floats, '' in strings, `missing` in integers.
        missing: The integer that stands for a missing value.
        ragged: Whether a value is a list of any length.
        optional: Whether a record may lack the feature: a missing value is left out, not replaced.
        description: Shown to people who look at the manifest.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    max_length: int | None = None
    range: tuple[float, float] | None = None
    nullable: bool = False
    missing: int | None = None
    ragged: bool = False
    optional: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        where = f"feature {self.name!r}"
        if not self.name:
            raise FirelibError(f"a {self.dtype} feature has no name", remedy="name the column it comes from")
        if self.dtype not in DTYPES:
            raise FirelibError(f"unknown dtype {self.dtype!r}", where=where, remedy=did_you_mean(self.dtype, DTYPES))
        if self.max_length is not None and (self.dtype != "string" or self.max_length < 1):
            raise FirelibError(
                f"max_length={self.max_length} of a {self.dtype}", where=where, remedy="strings have one, from 1 on"
            )
        if self.shape and (self.ragged or self.dtype in ("string", "bytes")):
            kind = "ragged feature" if self.ragged else self.dtype
            raise FirelibError(f"a {kind} has shape (), not {self.shape}", where=where, remedy="drop shape")
        if self.optional and self.nullable:
            raise FirelibError(
                "it is both optional and nullable", where=where, remedy="optional leaves a missing value out"
            )
        if self.nullable and self.dtype in INTEGERS and self.missing is None:
            raise FirelibError(
                "a nullable integer needs a value that stands for missing", where=where, remedy="missing=-1"
            )
        if self.nullable and self.dtype == "bool":
            raise FirelibError("a bool cannot be missing", where=where, remedy="use int8 with missing=-1, or fill it")
        if any(size < 1 for size in self.shape):
            raise FirelibError(f"shape {self.shape} holds nothing", where=where, remedy="sizes of 1 or more")
        self._check_numbers(where)

    def _check_numbers(self, where: str) -> None:
        if self.range and self.range[0] > self.range[1]:
            raise FirelibError(f"range {self.range} is empty", where=where, remedy="range=(lowest, highest)")
        if self.dtype not in INTEGERS:
            return
        low, high = _bounds(self.dtype)
        remedy = f"{low} to {high}, or a wider dtype"
        if self.range and not low <= self.range[0] <= self.range[1] <= high:
            raise FirelibError(f"range {self.range} is not within {self.dtype}", where=where, remedy=remedy)
        if self.missing is not None and not low <= self.missing <= high:
            raise FirelibError(f"missing={self.missing} is no {self.dtype}", where=where, remedy=remedy)


def _bounds(integer: str) -> tuple[int, int]:
    """The smallest and the largest value of an integer dtype (this module does without NumPy)."""
    bits = int(integer.removeprefix("u").removeprefix("int"))
    return (0, (1 << bits) - 1) if integer.startswith("u") else (-(1 << bits - 1), (1 << bits - 1) - 1)


@dataclass(frozen=True)
class FittedFeature:
    """A feature with what the training split says about it; `build_model` gets one for each feature.

    Attributes:
        feature: The declaration.
        count: Values present (rows × size of shape, without missing ones).
        missing: Values missing.
        mean: Mean of the present values; 0 for strings.
        std: Population standard deviation of the present values; 0 for strings.
        minimum: Smallest present value; None for strings and when nothing is present.
        maximum: Largest present value; None likewise.
        vocabulary: For strings: the distinct values, most frequent first, ties by value.
    """

    feature: Feature
    count: int = 0
    missing: int = 0
    mean: float = 0.0
    std: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    vocabulary: tuple[str, ...] = field(default=())


class Recipe:
    """A dataset and a model. Subclass it, or give a module the same names.

    Attributes:
        name: Folder name under data/, models/, metrics/ and plots/.
        sources: Table name → where its raw data comes from.
        features: What the model gets.
        label: What it predicts; never null.
        key: Columns that identify a row: they decide its split and its place, for ever.
        parameters: The model's own parameters with their defaults (section `model` of params.yaml).
        test_rows: A boolean column that is true in the rows of the test split (an official test set); the others are
            shared out by the key's hash. None: the hash shares out all rows.
        classes: What the label's values 0, 1, … are called.
    """

    name: ClassVar[str]
    sources: ClassVar[Mapping[str, Source]]
    features: ClassVar[Sequence[Feature]]
    label: ClassVar[Feature]
    key: ClassVar[Sequence[str]]
    parameters: ClassVar[Mapping[str, Any]] = {}
    test_rows: ClassVar[str | None] = None
    classes: ClassVar[Sequence[str]] = ()

    def transform(self, tables: "Mapping[str, dd.DataFrame]") -> "dd.DataFrame":
        """Join and clean the tables into one row a sample: columns for features, label and key."""
        raise NotImplementedError

    def exclude(self, rows: "pd.DataFrame") -> "Mapping[str, pd.Series]":
        """Rows that are no samples: reason → boolean mask. They are counted and left out."""
        del rows
        return {}

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> "keras.Model":
        """A compiled Keras model from raw feature values (a dict of inputs) to the label.

        Args:
            features: Feature name → declaration and training statistics.
            params: `parameters`, overridden by params.yaml, and `lr`.
        """
        raise NotImplementedError

    def callbacks(self, params: Mapping[str, Any]) -> "Sequence[keras.callbacks.Callback]":
        """Keras callbacks with hooks at the begin and end of training and of epochs; they run on every worker.

        Args:
            params: As `build_model` gets them.
        """
        del params
        return ()


_PARTS = ("sources", "features", "label", "key", "transform", "build_model")


def load_recipe(reference: str) -> Recipe:
    """The recipe that a name stands for.

    Args:
        reference: A recipe that ships with firelib (`flights`), a module (`package.module`), or a file
            (`recipes/mine.py`).

    Raises:
        FirelibError: No such recipe, or parts of it are missing (all named at once).
    """
    module = _module_of(reference)
    owned = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Recipe) and value.__module__ == module.__name__
    ]
    if len(owned) > 1:
        names = ", ".join(cls.__name__ for cls in owned)
        raise FirelibError(
            f"{len(owned)} recipes in one module: {names}", where=reference, remedy="one recipe a module"
        )
    recipe = owned[0]() if owned else _from_module(module)
    _check_parts(recipe, reference)
    return recipe


def code_sha256(recipe: Recipe) -> str | None:
    """Hash of the file that a recipe stands in; None for one that was typed in (a notebook)."""
    file = getattr(sys.modules[type(recipe).__module__], "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None


def _from_module(module: ModuleType) -> Recipe:
    names = (*_PARTS, "name", "exclude", "callbacks", "parameters", "test_rows", "classes")
    parts = {name: getattr(module, name) for name in names if hasattr(module, name)}
    members = {name: staticmethod(part) if callable(part) else part for name, part in parts.items()}
    # The module is the recipe's home: Ray ships the code of a recipe from a file by its home.
    recipe: Recipe = type("ModuleRecipe", (Recipe,), {"__module__": module.__name__, **members})()
    return recipe


def _check_parts(recipe: Recipe, reference: str) -> None:
    cls = type(recipe)
    missing = [part for part in _PARTS if getattr(cls, part, None) in (None, getattr(Recipe, part, None))]
    if missing:
        raise FirelibError(
            f"the recipe lacks {', '.join(missing)}", where=reference, remedy="see docs/recipe.md for each part"
        )
    if not hasattr(cls, "name"):
        cls.name = reference.removesuffix(".py").replace("/", ".").rpartition(".")[2]
    problems = list(_problems(recipe))
    if problems:
        raise FirelibError("\n".join(problems), where=reference, remedy="see docs/recipe.md for each part")


def _problems(recipe: Recipe) -> Iterator[str]:
    """What is wrong with the parts: nothing has held their author to the declared types."""
    sources, features = dict[str, object](recipe.sources), list[object](recipe.features)
    if not sources:
        yield "there are no sources"
    for name, source in sources.items():
        if not isinstance(source, Source):
            yield f"source {name!r} is {source!r}, not a Source"
    if not features:
        yield "there are no features"
    for feature in features:
        if not isinstance(feature, Feature):
            yield f"features has {feature!r}, which is no Feature"
    names = [feature.name for feature in (*features, recipe.label) if isinstance(feature, Feature)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield f"declared twice: {', '.join(twice)}"
    yield from _label_problems(recipe.label, recipe.classes)
    yield from _key_problems(recipe.key)


def _label_problems(label: object, classes: Sequence[str]) -> Iterator[str]:
    if not isinstance(label, Feature):
        yield f"label is {label!r}, not a Feature"
        return
    if label.nullable:
        yield "the label is nullable: a row without it is no sample"
    if classes and label.range != (0, len(classes) - 1):
        yield f"there are {len(classes)} classes, so the label's range is (0, {len(classes) - 1}), not {label.range}"


def _key_problems(key: object) -> Iterator[str]:
    if isinstance(key, str):
        yield f"the key is {key!r}, not a sequence: ({key!r},)"
    elif not key:
        yield "the key is empty: name the columns that identify a row"


def _module_of(reference: str) -> ModuleType:
    if reference.endswith(".py"):
        return _load_file(Path(reference))
    if not all(part.isidentifier() for part in reference.split(".")):
        raise _no_recipe(reference)
    name = reference if "." in reference else f"firelib.recipes.{reference}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise _no_recipe(reference) from None


def _no_recipe(reference: str) -> FirelibError:
    shipped = [path.stem for path in (Path(__file__).parent / "recipes").glob("[!_]*.py")]
    return FirelibError(
        f"there is no recipe {reference!r}",
        where="params.yaml: recipe",
        remedy=f"{did_you_mean(reference, shipped)} (or package.module, or path/to/recipe.py)",
    )


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FirelibError(f"there is no recipe file {path}", where="params.yaml: recipe", remedy="check the path")
    name = f"firelib_recipe_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _explain(error, path) from error
    return module


def _explain(error: Exception, path: Path) -> FirelibError:
    """What the recipe's own code raised while it was loaded, and in which of its lines."""
    if isinstance(error, FirelibError):
        return error
    if isinstance(error, SyntaxError):
        return FirelibError(
            f"not Python: {error.msg}", where=f"{path}, line {error.lineno}", remedy="correct the recipe"
        )
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(path)]
    remedy = "install it (uv add, pip install)" if isinstance(error, ModuleNotFoundError) else "correct the recipe"
    return FirelibError(
        f"{type(error).__name__}: {error}", where=f"{path}, line {lines[-1] if lines else '?'}", remedy=remedy
    )
