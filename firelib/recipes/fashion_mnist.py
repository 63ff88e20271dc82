"""Which of ten kinds of clothing is it? Fashion-MNIST: 70,000 grey pictures of 28 × 28 pixels from Zalando's shop.

Xiao, Rasul and Vollgraf (2017), https://github.com/zalandoresearch/fashion-mnist, MIT licence. The official 10,000 test
pictures are the test split; the official training pictures are shared out between training and validation.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from firelib.recipe import Feature, FittedFeature, Recipe, Source

if TYPE_CHECKING:
    import dask.dataframe as dd
    import keras
    import pandas as pd

_SIDE = 28


def _source(name: str, sha256: str) -> Source:
    """One of the four files, by the hash of what the `.gz` holds: publisher and Debian packed it differently."""
    return Source(
        f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{name}.gz",
        sha256=sha256,
        copies=(f"/usr/share/datasets/fashion-mnist/{name}.gz",),  # Debian's package dataset-fashion-mnist
    )


class FashionMnist(Recipe):
    """Pictures and labels, each in an IDX file of its own, joined by the number of the row."""

    name = "fashion_mnist"
    sources: ClassVar[Mapping[str, Source]] = {
        "train_images": _source(
            "train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train_labels": _source(
            "train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "test_images": _source(
            "t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "test_labels": _source(
            "t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    }
    key: ClassVar = ("official_test", "row")
    test_rows: ClassVar = "official_test"
    features: ClassVar = (Feature("image", "uint8", shape=(_SIDE, _SIDE), description="0 is background"),)
    label: ClassVar = Feature("clothing", "int64", range=(0, 9), description="kind of clothing")
    classes: ClassVar = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    parameters: ClassVar = {"filters": [32, 64], "dense": 128, "weight_decay": 0.05, "halve_lr_every": 400}

    def transform(self, tables: "Mapping[str, dd.DataFrame]") -> "dd.DataFrame":
        import dask.dataframe as dd

        parts = [_labelled(tables, part).assign(official_test=part == "test") for part in ("train", "test")]
        return dd.concat(parts)

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> "keras.Model":
        """Raw pixels, scaled, through convolutions to the probability of each kind.

        Nothing in it keeps state on a worker (no batch normalisation, no dropout), so that the number of workers does
        not show in the weights.
        """
        import keras

        shape = features["image"].feature.shape
        image = keras.Input(shape, name="image", dtype="uint8")
        hidden = keras.layers.Rescaling(1 / 255)(keras.layers.Reshape((*shape, 1))(image))
        for filters in params["filters"]:
            hidden = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden)
            hidden = keras.layers.MaxPooling2D()(hidden)
        hidden = keras.layers.Dense(params["dense"], activation="relu")(keras.layers.Flatten()(hidden))
        kinds = keras.layers.Dense(len(self.classes), activation="softmax", name=self.label.name)(hidden)
        model = keras.Model({"image": image}, kinds, name=self.name)
        rate = keras.optimizers.schedules.ExponentialDecay(params["lr"], params["halve_lr_every"], 0.5)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=params["weight_decay"])
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


def _labelled(tables: "Mapping[str, dd.DataFrame]", part: str) -> "dd.DataFrame":
    images = tables[f"{part}_images"].rename(columns={"value": "image"})
    labels = tables[f"{part}_labels"].rename(columns={"value": "clothing"})
    pairs = images.merge(labels, how="left", on="row")
    return pairs.map_partitions(_decode, meta={**pairs.dtypes, "image": object})


def _decode(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Pictures from bytes to arrays of pixels."""
    import numpy as np
    import pandas as pd

    pixels = [np.frombuffer(image, np.uint8) for image in rows["image"]]
    return rows.assign(image=pd.Series(pixels, index=rows.index, dtype=object))
