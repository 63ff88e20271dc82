"""The contract between a recipe and firelib."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from firelib.recipe.expectation import Expectation
from firelib.recipe.feature import Feature, FittedFeature
from firelib.recipe.source import Source

if TYPE_CHECKING:
    import dask.dataframe as dd
    import keras
    import pandas as pd


class Recipe:
    """A dataset and a model. Subclass it, or give a module the same names.

    Attributes:
        name: Folder name under data/, models/, metrics/ and plots/.
        sources: Table name → where its raw data come from.
        features: What the model gets.
        label: What the model predicts; never null.
        key: Columns that identify a row. Their hash decides the row's split and its position, permanently.
        parameters: The model's own parameters with their defaults (section `model` of params.yaml).
        split_by: Columns of a group, such as the day or the patient: the hash of the group decides the split, so the
            rows of a group are on one side. Empty: the hash of the key decides it.
        split_time: A column of times, dates or numbers. Rows before `data.split.validation_from` are for training,
            rows from `data.split.test_from` for the test.
        split_column: A column with the name of the row's split: train, validation or test.
        test_rows: A boolean column that is true in the rows of the test split (an official test set); the hash
            distributes the other rows. None: the hash distributes all rows.
        stratify_by: Columns of a stratum, such as the label: each stratum has the declared shares.
        window: Number of earlier commits of the table that grows (`Source.commit_by`) on whose rows a row may depend,
            beside its own commit. New commits then leave the shards of earlier ones as they are. None: firelib finds
            out whether each row depends on one row of that table; if not, all rows count.
        classes: Names of the label's values 0, 1, …
        expectations: Bounds for statistics of features, which `firelib transform` checks.
        most_set_aside: Largest share of the rows that may be set aside, of those that are not excluded.

    Example:
        >>> from firelib import Feature, Recipe, Source
        >>> class Signs(Recipe):
        ...     name = "signs"
        ...     sources = {"rows": Source("rows.csv")}
        ...     features = (Feature("number", "float32"),)
        ...     label = Feature("positive", "int64", range=(0, 1))
        ...     key = ("id",)
        ...
        ...     def transform(self, tables):
        ...         return tables["rows"]
        ...
        ...     def build_model(self, features, params):
        ...         import keras
        ...
        ...         number = keras.Input((), name="number")
        ...         positive = keras.layers.Dense(1, activation="sigmoid")(number[:, None])
        ...         model = keras.Model({"number": number}, positive)
        ...         model.compile(keras.optimizers.Adam(params["lr"]), "binary_crossentropy")
        ...         return model
        >>> Signs().transform({"rows": "a Dask dataframe"})
        'a Dask dataframe'
    """

    name: ClassVar[str]
    sources: ClassVar[Mapping[str, Source]]
    features: ClassVar[Sequence[Feature]]
    label: ClassVar[Feature]
    key: ClassVar[Sequence[str]]
    parameters: ClassVar[Mapping[str, Any]] = {}
    split_by: ClassVar[Sequence[str]] = ()
    split_time: ClassVar[str | None] = None
    split_column: ClassVar[str | None] = None
    test_rows: ClassVar[str | None] = None
    stratify_by: ClassVar[Sequence[str]] = ()
    window: ClassVar[int | None] = None
    classes: ClassVar[Sequence[str]] = ()
    expectations: ClassVar[Sequence[Expectation]] = ()
    most_set_aside: ClassVar[float] = 1.0

    def transform(self, tables: "Mapping[str, dd.DataFrame]") -> "dd.DataFrame":
        """Join and clean the tables into one row for each sample, with columns for features, label and key."""
        raise NotImplementedError

    def prepare(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """Derive features from the columns of raw rows, each row from itself alone; `firelib predict` applies it, too.

        `transform` does not call it by itself: `tables["rows"].map_partitions(prepare)`.

        Args:
            rows: Raw rows. Rows to score may lack columns, such as the label.

        Returns:
            The same rows in the same order, with the columns of the features.
        """
        return rows

    def exclude(self, rows: "pd.DataFrame") -> "Mapping[str, pd.Series]":
        """Rows that are not samples, as reason → boolean mask. They are counted and excluded."""
        del rows
        return {}

    def set_aside(self, rows: "pd.DataFrame") -> "Mapping[str, pd.Series]":
        """Rows with values that contradict each other, as reason → boolean mask. They are counted and set aside.

        Each row is judged from itself alone; `Feature.range` and the like judge single values. `firelib predict` does
        not call it.
        """
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
            params: The same as for `build_model`.
        """
        del params
        return ()
