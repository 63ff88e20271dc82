"""The Python text of `build_model` in a drafted recipe: layers, loss and metrics by task."""

from collections.abc import Iterator

from firelib.recipe import TaskKind
from firelib.scaffold.draft import Draft
from firelib.scaffold.label import LabelDraft

_LOSSES = {
    TaskKind.BINARY: ("binary_crossentropy", '"AUC"'),
    TaskKind.MULTICLASS: ("sparse_categorical_crossentropy", '"accuracy"'),
    TaskKind.MULTILABEL: ("binary_crossentropy", '"binary_accuracy"'),
    TaskKind.REGRESSION: ("mse", '"mae"'),
}


def render_model(draft: Draft) -> str:
    """Render `build_model`.

    Args:
        draft: Says what the model gets and predicts.
    """
    loss, metric = _LOSSES[draft.label.task]
    lines = [
        "def build_model(features, params):  # a compiled Keras model that takes raw values",
        "    import keras",
        *(_picture_layers(draft) if draft.picture else _table_layers()),
        *_output_layers(draft.label, draft.label_name),
        "    model = keras.Model(inputs, output, name=name)",
        f'    model.compile(keras.optimizers.Adam(params["lr"]), "{loss}", metrics=[{metric}])',
        "    return model",
    ]
    return "\n".join(lines) + "\n"


def _table_layers() -> Iterator[str]:
    yield "    from firelib.layers import encode_inputs  # normalises numbers, embeds words, says what is missing"
    yield ""
    yield '    inputs, hidden = encode_inputs(features, params["embedding"])'
    yield '    for width in params["hidden"]:'
    yield '        hidden = keras.layers.Dense(width, activation="relu")(hidden)'
    yield '        if params["dropout"]:'
    yield '            hidden = keras.layers.Dropout(params["dropout"])(hidden)'


def _picture_layers(draft: Draft) -> Iterator[str]:
    name = draft.picture
    yield ""
    yield f'    inputs = {{"{name}": keras.Input({draft.picture_shape}, name="{name}", dtype="uint8")}}'
    yield f'    hidden = keras.layers.Rescaling(1 / 255)(inputs["{name}"])'
    yield '    for filters in params["filters"]:'
    yield '        hidden = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden)'
    yield "        hidden = keras.layers.MaxPooling2D()(hidden)"
    yield '    hidden = keras.layers.Dense(params["dense"], activation="relu")(keras.layers.Flatten()(hidden))'


def _output_layers(label: LabelDraft, name: str) -> Iterator[str]:
    if label.task is TaskKind.REGRESSION:
        yield f"    number = keras.layers.Dense({label.size or 1})(hidden)"
        yield "    # Mean and standard deviation of the label: the layers before learn a number of about 0 ± 1."
        yield f"    output = keras.layers.Rescaling({label.std:.6g}, {label.mean:.6g}, name={name!r})(number)".replace(
            "'", '"'
        )
        return
    activation = "softmax" if label.task is TaskKind.MULTICLASS else "sigmoid"
    count = "1" if label.task is TaskKind.BINARY else str(len(label.classes))
    yield f'    output = keras.layers.Dense({count}, activation="{activation}", name="{name}")(hidden)'
