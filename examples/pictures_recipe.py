"""Pictures of any size: the files are stored as they are, and the model decodes and augments them.

pictures.parquet has the columns `name`, `picture` (the content of a PNG or JPEG file) and `kind` (0 or 1).
"""

from firelib.recipe import Feature, Source

name = "pictures"
sources = {"pictures": Source("pictures.parquet")}
features = (Feature("picture", "bytes", description="content of a PNG or JPEG file"),)
label = Feature("kind", "int64", range=(0, 1))
key = ("name",)
parameters = {"side": 32, "filters": [8, 16]}


def transform(tables):
    """One row for each picture, as it is."""
    return tables["pictures"]


def build_model(features, params):  # noqa: ARG001  pictures have no statistics
    """Decode, augment, convolve."""
    import keras

    side = params["side"]

    def decode(files):
        """Files [rows] to pixels [rows, side, side, 3], from 0 to 1."""
        import tensorflow as tf

        def decode_one(file):
            pixels = tf.io.decode_image(file, channels=3, expand_animations=False)
            return tf.image.resize(pixels, (side, side)) / 255

        return tf.map_fn(decode_one, files, fn_output_signature=tf.TensorSpec((side, side, 3), tf.float32))

    picture = keras.Input((), name="picture", dtype="string")
    hidden = keras.layers.Lambda(decode, output_shape=(side, side, 3), dtype="float32")(picture)
    hidden = augment(hidden)
    for filters in params["filters"]:
        hidden = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden)
        hidden = keras.layers.MaxPooling2D()(hidden)
    kind = keras.layers.Dense(1, activation="sigmoid")(keras.layers.GlobalAveragePooling2D()(hidden))
    model = keras.Model({"picture": picture}, kind)
    model.compile(keras.optimizers.Adam(params["lr"]), "binary_crossentropy", metrics=["AUC"])
    return model


def augment(pixels):
    """Random changes that keep what a picture shows. Keras applies them in training only."""
    import keras

    pixels = keras.layers.RandomFlip("horizontal")(pixels)
    return keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant")(pixels)
