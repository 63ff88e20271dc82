"""NAME=VALUE and KIND:COUNT, as they stand on a command line."""

from collections.abc import Sequence

from firelib.errors import FirelibError
from firelib.launch.job import Gpu


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


def gpu_of(word: str | None) -> Gpu | None:
    """`l4` or `t4:2`.

    Raises:
        FirelibError: The count is no number.
    """
    if word is None:
        return None
    kind, _, count = word.partition(":")
    if count and not count.isdigit():
        raise FirelibError(f"--gpu: should be KIND or KIND:COUNT, got {word!r}", remedy="such as l4, or t4:2")
    return Gpu(kind.lower(), int(count or 1))
