"""The columns of a dataset: what a recipe declares, and what the training split adds."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe.problem import refuse_declaration
from firelib.recipe.vocabulary import StoredVocabulary

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
DTYPES = FLOATS | INTEGERS | {"bool", "string", "bytes"}

#: Names of columns that firelib adds: the hash of the key, and the reason why a row is set aside.
RESERVED_COLUMNS = frozenset({"firelib_hash", "rejected_because"})


@dataclass(frozen=True)
class Feature:
    """One column of the dataset as the model sees it: raw values, without normalisation.

    Attributes:
        name: Column of the frame that `transform` returns, and key of the record.
        dtype: One of float16, bfloat16, float32, float64, int8 … int64, uint8 … uint64, bool, string, bytes.
        shape: Shape of one value; () is a scalar.
        max_length: For strings: maximum length in UTF-8 bytes; shorter strings are padded with NUL. Without it,
            records differ in length, and reading is slower.
        range: Inclusive bounds. A row with a value outside is set aside and counted, never clipped.
        nullable: Whether a value may be missing: NaN in floats, '' in strings, `missing` in integers.
        missing: The integer that stands for a missing value.
        ragged: Whether a value is a list of any length.
        optional: Whether a record may lack the feature: a missing value is omitted, not replaced.
        description: Text for people who look at the manifest.
        max_words: For strings: the most distinct values to keep as the vocabulary, the most frequent ones. Without it,
            up to 10,000,000 are kept of a string with `max_length`, and a string without one may be free text.

    Raises:
        FirelibError: The attributes contradict each other.

    Example:
        >>> from firelib import Feature
        >>> Feature("seats", "int64", range=(1, 900), nullable=True, missing=-1).missing
        -1
        >>> Feature("image", "uint8", shape=(28, 28)).shape
        (28, 28)
        >>> Feature("carrier", "string", max_length=2).max_length
        2
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
    max_words: int | None = None

    def __post_init__(self) -> None:
        problem = next(_feature_problems(self), None)
        if problem:
            what, remedy = problem
            refuse_declaration(FirelibError(what, where=f"feature {self.name!r}", remedy=remedy))


def _feature_problems(feature: Feature) -> Iterator[tuple[str, str]]:
    """(what, remedy) for each contradiction in a declaration."""
    if not feature.name:
        yield f"a {feature.dtype} feature has no name", "give it the name of its column"
    if feature.dtype not in DTYPES:
        yield f"unknown dtype {feature.dtype!r}", did_you_mean(feature.dtype, DTYPES)
    yield from _size_problems(feature)
    yield from _missing_value_problems(feature)
    if feature.range and feature.range[0] > feature.range[1]:
        yield f"range {feature.range} is empty", "write range=(lowest, highest)"
    if feature.dtype in INTEGERS:
        yield from _integer_problems(feature)


def _size_problems(feature: Feature) -> Iterator[tuple[str, str]]:
    dtype, shape, max_length = feature.dtype, feature.shape, feature.max_length
    if max_length is not None and (dtype != "string" or max_length < 1):
        yield (
            f"expected max_length of 1 or more for a string, got max_length={max_length} for dtype {dtype}",
            "remove max_length, or declare a string with a max_length of 1 or more",
        )
    if feature.max_words is not None and (dtype != "string" or feature.max_words < 1):
        yield (
            f"expected max_words of 1 or more for a string, got max_words={feature.max_words} for dtype {dtype}",
            "remove max_words, or declare a string with max_words of 1 or more",
        )
    if shape and (feature.ragged or dtype in ("string", "bytes")):
        kind = "a ragged feature" if feature.ragged else f"dtype {dtype}"
        yield f"expected shape () for {kind}, got {shape}", "remove shape"
    if any(size < 1 for size in shape):
        yield f"shape {shape} has no values", "declare sizes of 1 or more"


def _missing_value_problems(feature: Feature) -> Iterator[tuple[str, str]]:
    if feature.optional and feature.nullable:
        yield "the feature is both optional and nullable", "remove nullable: optional omits a missing value"
    if feature.nullable and feature.dtype in INTEGERS and feature.missing is None:
        yield "a nullable integer needs a value that stands for missing", "declare one, such as missing=-1"
    if feature.nullable and feature.dtype == "bool":
        yield "a nullable bool is not supported", "use int8 with missing=-1, or fill missing values"


def _integer_problems(feature: Feature) -> Iterator[tuple[str, str]]:
    low, high = _bounds(feature.dtype)
    remedy = f"use values from {low} to {high}, or a wider dtype"
    if feature.range and not low <= feature.range[0] <= feature.range[1] <= high:
        yield f"range {feature.range} is outside of {feature.dtype}", remedy
    if feature.missing is not None and not low <= feature.missing <= high:
        yield f"missing={feature.missing} is outside of {feature.dtype}", remedy


def _bounds(integer: str) -> tuple[int, int]:
    """The smallest and the largest value of an integer dtype, without importing NumPy."""
    bits = int(integer.removeprefix("u").removeprefix("int"))
    return (0, (1 << bits) - 1) if integer.startswith("u") else (-(1 << bits - 1), (1 << bits - 1) - 1)


@dataclass(frozen=True)
class FittedFeature:
    """A feature with its statistics on the training split; `build_model` gets one for each feature.

    It also has the attributes of the declaration: `name`, `dtype`, `shape`, `max_length`, `max_words`, `range`,
    `nullable`, `ragged`, `optional` and `description`. The integer that stands for a missing value is `missing_value`.

    Attributes:
        feature: The declaration.
        count: Number of present values (rows × size of shape, or all elements of lists, without missing values).
        missing: Number of missing values.
        mean: Mean of the present values; 0 for strings and bytes.
        std: Population standard deviation of the present values; 0 for strings and bytes.
        minimum: Smallest present value; None for strings and bytes, and where no value is present.
        maximum: Largest present value; None for strings and bytes, and where no value is present.
        vocabulary: For strings: the distinct values, most frequent first, ties by value. Empty for free text: a
            string without `max_length` and `max_words` that has more than 100,000 distinct values. A large vocabulary
            is a sequence that reads its file when its words are needed.
        cut_words: Number of distinct values that are not in the vocabulary because of `Feature.max_words`.

    Example:
        >>> from firelib import Feature, FittedFeature
        >>> seats = FittedFeature(Feature("seats", "int64", range=(1, 900)), count=3, mean=180.0, std=9.5)
        >>> seats.name, seats.dtype, seats.shape, seats.range
        ('seats', 'int64', (), (1, 900))
        >>> seats.mean, seats.std
        (180.0, 9.5)
    """

    feature: Feature
    count: int = 0
    missing: int = 0
    mean: float = 0.0
    std: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    vocabulary: tuple[str, ...] | StoredVocabulary = field(default=())
    cut_words: int = 0

    @property
    def name(self) -> str:
        """Name of the feature and of the model's input: `keras.Input(f.shape, name=f.name, dtype=f.dtype)`."""
        return self.feature.name

    @property
    def dtype(self) -> str:
        """The declared dtype, such as `float32`."""
        return self.feature.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one value; () is a scalar."""
        return self.feature.shape

    @property
    def max_length(self) -> int | None:
        """Maximum length of a string in UTF-8 bytes, or None."""
        return self.feature.max_length

    @property
    def max_words(self) -> int | None:
        """Most distinct strings that the vocabulary may have, or None."""
        return self.feature.max_words

    @property
    def range(self) -> tuple[float, float] | None:
        """The declared inclusive bounds, or None. The bounds of the data are `minimum` and `maximum`."""
        return self.feature.range

    @property
    def nullable(self) -> bool:
        """Whether a value may be missing."""
        return self.feature.nullable

    @property
    def missing_value(self) -> int | None:
        """The integer that stands for a missing value, or None; `missing` is the number of missing values."""
        return self.feature.missing

    @property
    def ragged(self) -> bool:
        """Whether a value is a list of any length."""
        return self.feature.ragged

    @property
    def optional(self) -> bool:
        """Whether a record may lack the feature."""
        return self.feature.optional

    @property
    def description(self) -> str:
        """Text for people who look at the manifest."""
        return self.feature.description
