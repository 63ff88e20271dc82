"""Wrong fields of a job, reported all at once in one error."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from firelib.errors import FirelibError, did_you_mean

T = TypeVar("T")

_PRIVATE = ("env", "secrets")  # fields whose values may be secret: errors do not repeat them


def parse_fields(
    kind: type[T], raw: Mapping[str, Any], where: str, remedy: str = "see docs/submit.md for the allowed values"
) -> T:
    """Build a pydantic dataclass from plain data.

    Args:
        kind: The dataclass.
        raw: Field → value.
        where: Origin of the data: a job, a file or the command line.
        remedy: Where the allowed values are explained.

    Returns:
        The checked instance.

    Raises:
        FirelibError: Fields are wrong or unknown; the error names all of them, and no value of `env` or `secrets`.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(raw))
    except ValidationError as error:
        problems = [_explain(kind, detail) for detail in error.errors()]
        raise FirelibError("\n".join(problems), where=where, remedy=remedy) from None


def report_problems(problems: Iterable[str]) -> None:
    """Report several problems of one field from inside a pydantic validator.

    Args:
        problems: One complete line each, which names the field.

    Raises:
        PydanticCustomError: There is at least one problem.
    """
    found = list(problems)
    if found:
        raise PydanticCustomError("firelib_problems", "{problems}", {"problems": "\n".join(found)})


def _explain(kind: type, detail: ErrorDetails) -> str:
    location = [str(part) for part in detail["loc"]]
    name, message = ".".join(location), _reword(detail["msg"])
    match detail["type"]:
        case "firelib_problems":
            return message
        case "missing":
            return f"{name} is missing"
        case "unexpected_keyword_argument":
            return f"{name} is unknown: {did_you_mean(location[-1], _fields(kind, location[:-1]))}"
        case _:
            return f"{name}: {message}" + ("" if location[0] in _PRIVATE else f", got {detail['input']!r}")


def _reword(message: str) -> str:
    """Return pydantic's message in the form of firelib's errors: expected …, got …."""
    message = message.removeprefix("Value error, ").replace("Input should be greater", "expected a value greater")
    return message.replace("Input should be", "expected")


def _fields(kind: Any, location: list[str]) -> Iterable[str]:
    """Names of the fields at a location such as `["resources", "gpu"]`."""
    for part in location:
        kind = get_type_hints(kind)[part]
        kind = next((each for each in get_args(kind) if hasattr(each, "__pydantic_fields__")), kind)
    return get_type_hints(kind)
