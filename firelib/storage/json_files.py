"""JSON files that depend on their value alone."""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from firelib.errors import FirelibError, find_merge_conflict
from firelib.storage.files import read_bytes

_MOST_LEVELS = 100  # more than any file of firelib has, and fewer than any program that reads it can take
_MOST_DIGITS = 100
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_INDENT = "  "
_ENCODER = json.JSONEncoder(indent=len(_INDENT), sort_keys=True, ensure_ascii=False)
_CONTAINERS = (dict, list, tuple)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class UnreadableJsonError(FirelibError):
    """A JSON file that is missing or damaged; not one in a bucket that cannot be used now."""


def read_json(uri: str, check: Callable[[bytes], None] | None = None) -> Any:
    """The content of a JSON file.

    Args:
        uri: The file.
        check: Gets the bytes of the file, and may refuse them before they are parsed.

    Raises:
        UnreadableJsonError: The file does not exist, is not complete JSON, or holds what no other program could use:
            repeated names, numbers of more than 100 digits, more than 100 levels, or text that is not Unicode.
        MergeConflictError: Git has left both sides of a merge in it.
        FirelibError: The bucket cannot be used.
    """
    content = b""
    try:
        content = read_bytes(uri)
        if check:
            check(content)
        return _parse(content)
    except FileNotFoundError:
        raise UnreadableJsonError(
            f"{uri} does not exist", where=uri, remedy="run the stage that writes it (dvc dag shows which)"
        ) from None
    except (ValueError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else error
        raise find_merge_conflict(content, uri) or UnreadableJsonError(
            f"{uri} is not JSON: {problem}", where=uri, remedy="delete the file and run its stage again"
        ) from None


def _parse(content: bytes) -> Any:
    value = json.loads(content, parse_int=_parse_int, object_pairs_hook=build_object)
    if not _is_shallow(content):
        _check_depth(value)
    if _SURROGATE.search(content):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a string holds half of a surrogate pair, which is not Unicode") from None
    return value


def _parse_int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON whose names differ; the `object_pairs_hook` of `json.loads`.

    Raises:
        ValueError: A name is repeated.
    """
    built = dict(pairs)
    if len(built) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)[:80]!r} is repeated")
    return built


def _is_shallow(content: bytes) -> bool:
    """Whether the brackets of a file nest within the limit; brackets in strings can only make it look deeper."""
    brackets = content.translate(None, _NO_BRACKETS)
    for _ in range(_MOST_LEVELS):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")  # removes the innermost level
        if not brackets:
            return True
    return False


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _MOST_LEVELS:
            raise ValueError(f"nested too deeply: more than {_MOST_LEVELS} levels")
        level = [
            child
            for outer in level
            if isinstance(outer, dict | list)
            for child in (outer.values() if isinstance(outer, dict) else outer)
        ]


def to_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys and indentation, so that equal values give equal bytes that people can diff."""
    return f"{encode_json(value)}\n".encode()


def encode_json(value: Any) -> str:
    """The text of canonical JSON, without the end of the last line."""
    return _encode(value, 0)


def _encode(value: Any, depth: int) -> str:
    """What `_ENCODER` writes at a depth, several times as fast: Python's compiled encoder knows no indentation.

    It encodes values without members, and lists and objects of such values, whose separators have the indentation.
    """
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if not items:
        return _compile(0).encode(value)
    if isinstance(value, dict) and not all(isinstance(name, str) for name in value):
        return _ENCODER.encode(value).replace("\n", f"\n{_INDENT * depth}")  # strings have no line ends
    begin, end = f"\n{_INDENT * (depth + 1)}", f"\n{_INDENT * depth}"
    if not any(isinstance(item, _CONTAINERS) for item in items):
        text = _compile(depth + 1).encode(value)
        return f"{text[0]}{begin}{text[1:-1]}{end}{text[-1]}"
    if isinstance(value, dict):
        name = _compile(0).encode
        members = (f"{name(key)}: {_encode(value[key], depth + 1)}" for key in sorted(value))
        return f"{{{begin}{f',{begin}'.join(members)}{end}}}"
    return f"[{begin}{f',{begin}'.join(_encode(item, depth + 1) for item in items)}{end}]"


@cache
def _compile(depth: int) -> json.JSONEncoder:
    """An encoder that runs as compiled code, with members in lines of their own at a depth."""
    separators = f",\n{_INDENT * depth}", ": "
    return json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=separators)
