"""Names that a model and a recipe can have, from the names of columns, files and folders."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

from firelib.recipe import RESERVED_COLUMNS

_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


def to_identifier(text: str, default: str = "column") -> str:
    """Convert a text to letters, digits and _, a letter first.

    Args:
        text: Any text.
        default: What a text without a letter or digit becomes, and the prefix of one that begins with a digit.
    """
    ascii_text = (
        unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_LETTERS))
        .encode("ascii", "ignore")
        .decode()
    )
    name = re.sub(r"\W+", "_", ascii_text).strip("_")
    if not name:
        return default
    return name if name[0].isalpha() else f"{default}_{name}"


def rename_columns(names: Iterable[str]) -> dict[str, str]:
    """Choose the name of each column in the dataset: the names of a model's inputs are identifiers.

    Args:
        names: Names of the columns.

    Returns:
        Column → a name that no other column has, in any case.
    """
    chosen: dict[str, str] = {}
    names = list(names)
    taken = {name.lower() for name in names if is_usable(name)} | {name.lower() for name in RESERVED_COLUMNS}
    for name in names:
        chosen[name] = name if is_usable(name) else unused(to_identifier(name), taken)
        taken.add(chosen[name].lower())
    return chosen


def is_usable(name: str) -> bool:
    """Whether a column can keep its name."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)) and name not in RESERVED_COLUMNS


def unused(name: str, taken: Iterable[str]) -> str:
    """Add a number to a name that is taken.

    Args:
        name: The name.
        taken: Names in lower case.
    """
    taken, number, candidate = set(taken), 2, name
    while candidate.lower() in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def to_project_name(folder: str) -> str:
    """Name a project, and its recipe, for its folder: lower case, an identifier and no keyword of Python."""
    name = to_identifier(folder, "project").lower()
    return f"{name}_project" if keyword.iskeyword(name) else name
