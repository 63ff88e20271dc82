"""One reason not to train a model; a model may give several, and all of them go into one error."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from firelib.errors import FirelibError

_OPERATION = re.compile(r"\{\{function_node .*?\}\}\s*|\s*Label values: .*|\s*\[Op:\w+\].*")


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
    """The first line of an error's message, without TensorFlow's names of operations.

    Keras' own messages begin with empty lines.
    """
    lines = (_OPERATION.sub("", line).strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
