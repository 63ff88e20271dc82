"""The contract between a recipe and firelib."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

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
        test_rows: A boolean column that is true in the rows of the test split (an official test set); the hash
            distributes the other rows. None: the hash distributes all rows.
        classes: Names of the label's values 0, 1, …

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
    test_rows: ClassVar[str | None] = None
    classes: ClassVar[Sequence[str]] = ()

    def transform(self, tables: "Mapping[str, dd.DataFrame]") -> "dd.DataFrame":
        """Join and clean the tables into one row for each sample, with columns for features, label and key."""
        raise NotImplementedError

    def exclude(self, rows: "pd.DataFrame") -> "Mapping[str, pd.Series]":
        """Rows that are not samples, as reason → boolean mask. They are counted and excluded."""
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
