"""One reason not to train a model; a model may give several, and all of them go into one error."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from firelib.errors import FirelibError

_OPERATION = re.compile(r"\{\{function_node .*?\}\}\s*|\s*Label values: .*|\s*\[Op:\w+\].*|\x1b\[\d*m")
_CALL = re.compile(r"Exception encountered when calling (\w+)\.call\(\)")  # keras.utils.traceback_utils


@dataclass(frozen=True)
class Refusal:
    """What is wrong with a model.

    Attributes:
        what: The part of the model, by name, and what is wrong with it.
        remedy: What to do about it, as an imperative.
    """

    what: str
    remedy: str


def raise_refusals(refusals: Sequence[Refusal], where: str) -> None:
    """Raise one error for all refusals, if there are any.

    Args:
        refusals: What is wrong.
        where: The recipe and its parameters.

    Raises:
        FirelibError: There are refusals.
    """
    if refusals:
        raise FirelibError(
            "\n".join(refusal.what for refusal in refusals),
            where=where,
            remedy="\n          ".join(dict.fromkeys(refusal.remedy for refusal in refusals)),
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message that says what is wrong, without TensorFlow's names of operations.

    Keras' own messages begin with empty lines, and those of a layer's `call` with a line that names only the layer.
    """
    lines = filter(None, (_OPERATION.sub("", line).strip() for line in str(error).splitlines()))
    first = next(lines, type(error).__name__)
    layer = failed_layer(error)
    return f"{layer}: {next(lines, first)}" if layer else first


def failed_layer(error: BaseException) -> str | None:
    """The class of the layer whose `call` raised an error, as Keras' message names it."""
    named = _CALL.match(str(error).strip())
    return named[1] if named else None
