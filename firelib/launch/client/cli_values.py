"""NAME=VALUE, as it stands on a command line."""

from collections.abc import Sequence

from firelib.errors import FirelibError


def pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """NAME → VALUE.

    Raises:
        FirelibError: A word has no `=`, or a name comes twice; what stands there may be secret, so it is not shown.
    """
    found: dict[str, str] = {}
    for place, word in enumerate(given or [], 1):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise FirelibError(f"{option}: should be NAME=VALUE (number {place})", where="the command line")
        if name in found:
            raise FirelibError(f"{option}: {name} is there twice", where="the command line", remedy="give it once")
        found[name] = value
    return found
