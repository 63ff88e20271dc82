"""Texts as numbers of words: `transform` tokenises, so that training reads arrays of one size.

texts.csv has the columns `id`, `text` and `positive` (0 or 1).
"""

from firelib.recipe import Feature, Source, rows

WORDS, BUCKETS = 64, 5_000  # of one text; numbers of words, with 0 for padding

name = "texts"
sources = {"texts": Source("texts.csv", types={"text": "string"})}
features = (Feature("words", "int32", shape=(WORDS,), range=(0, BUCKETS - 1), description="numbers of words"),)
label = Feature("positive", "int64", range=(0, 1))
key = ("id",)
parameters = {"width": 16}


@rows
def transform(rows):
    """Add the numbers of the words."""
    import pandas as pd

    words = [number_words(text) for text in rows["text"].fillna("")]
    return rows.assign(words=pd.Series(words, index=rows.index, dtype=object))


def number_words(text):
    """Numbers of the first words of a text. CRC-32 gives a word the same number on every machine."""
    import re
    import zlib

    words = re.findall(r"\w+", text.lower())[:WORDS]
    numbers = [1 + zlib.crc32(word.encode()) % (BUCKETS - 1) for word in words]
    return numbers + [0] * (WORDS - len(numbers))


def build_model(features, params):
    """The mean of the words' vectors, and one layer."""
    import keras

    words = features["words"]
    numbers = keras.Input(words.shape, name=words.name, dtype=words.dtype)
    vectors = keras.layers.Embedding(BUCKETS, params["width"], mask_zero=True)(numbers)
    hidden = keras.layers.GlobalAveragePooling1D()(vectors)
    model = keras.Model({"words": numbers}, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(params["lr"]), "binary_crossentropy", metrics=["AUC"])
    return model
