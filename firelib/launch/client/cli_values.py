"""NAME=VALUE arguments of the command line."""

from collections.abc import Sequence

from firelib.errors import FirelibError


def parse_pairs(arguments: Sequence[str] | None, option: str) -> dict[str, str]:
    """Parse NAME=VALUE arguments.

    Args:
        arguments: The values of one option; None if it was not given.
        option: The option's name, such as `--env`, for errors.

    Returns:
        Name → value.

    Raises:
        FirelibError: An argument has no name or no `=`, or a name is repeated. The error shows no value: it may be
            secret.
    """
    values: dict[str, str] = {}
    for number, argument in enumerate(arguments or [], 1):
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise FirelibError(
                f"{option}: expected NAME=VALUE, got something else in value number {number}",
                where="the command line",
                remedy=f"give {option} NAME=VALUE",
            )
        if name in values:
            raise FirelibError(
                f"{option}: {name} is given twice", where="the command line", remedy=f"give {option} {name}=… once"
            )
        values[name] = value
    return values
