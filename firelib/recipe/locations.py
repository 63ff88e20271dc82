"""Find the line of a recipe that declares something, or in which an error arose."""

import ast
import sys
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType, TracebackType

_OPTIMIZED = 0x1  # inspect.CO_OPTIMIZED: a function, not the body of a module or a class


def error_line(error: BaseException, file: str) -> int | None:
    """The line of a file in which an error arose: of its own code, or where it called something that failed.

    Args:
        error: The error; what caused it is searched, too.
        file: Path of the file, as Python names it in tracebacks.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    found = None
    while pending:
        cause = pending.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        if isinstance(cause, SyntaxError) and cause.filename == file:
            return cause.lineno
        found = _last_line(cause.__traceback__, file) or found
        pending += [cause.__context__, cause.__cause__]
    return found


def _last_line(trace: TracebackType | None, file: str) -> int | None:
    lines = [line for frame, line in traceback.walk_tb(trace) if frame.f_code.co_filename == file]
    return lines[-1] if lines else None


def calling_line() -> tuple[str, int] | None:
    """File and line of the module or class body that is being executed and has led to this call.

    A declaration that a helper function of the recipe makes therefore has the line where the recipe calls the helper.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not frame.f_code.co_flags & _OPTIMIZED and not name.startswith("<"):
            return name, frame.f_lineno
        frame = frame.f_back
    return None


def declaration_line(file: str, part: str, name: str | None = None) -> int | None:
    """The line of a recipe that declares a part, such as `features`, or a member of it.

    Args:
        file: The recipe.
        part: Name of the attribute or the method.
        name: The member: the name of a feature or of a table. Members that code generates have the line of the part.

    Returns:
        The line; None if the file does not name the part.
    """
    node = next(_find_parts(file, part), None)
    if node is None:
        return None
    members = [] if name is None else [line for line in _member_lines(node, name) if line]
    return members[0] if members else node.lineno


def quoted_line(file: str, part: str, texts: tuple[str, ...]) -> int | None:
    """The first line inside a part of a recipe that has one of these strings.

    Args:
        file: The recipe.
        part: Name of the attribute or the method.
        texts: The strings.
    """
    nodes = (node for found in _find_parts(file, part) for node in ast.walk(found))
    lines = [node.lineno for node in nodes if isinstance(node, ast.Constant) and node.value in texts]
    return min(lines, default=None)


def call_line(file: str, part: str, function: str) -> int | None:
    """The last line inside a part of a recipe that calls a function or method of a name.

    Args:
        file: The recipe.
        part: Name of the attribute or the method.
        function: Name of what is called, without a prefix.
    """
    calls = [call for found in _find_parts(file, part) for call in ast.walk(found) if isinstance(call, ast.Call)]
    return max((call.lineno for call in calls if called_name(call) == function), default=None)


def layer_line(file: str, kind: str, name: str = "") -> int | None:
    """The line of a recipe that makes a layer, or that calls an operation of `keras.ops`.

    Args:
        file: The recipe.
        kind: Class of the layer or of the operation, such as `Dense` or `Log`.
        name: Its name in the model.

    Returns:
        The line with its name, or the only line with such a call; None if there are several.
    """
    calls = [call for node in _statements(file) for call in ast.walk(node) if isinstance(call, ast.Call)]
    named = {call.lineno for call in calls if name and any(_is_text(keyword.value, name) for keyword in call.keywords)}
    made = {call.lineno for call in calls if called_name(call).replace("_", "").lower() == kind.lower()}
    return next((next(iter(lines)) for lines in (named, made) if len(lines) == 1), None)


def _is_text(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def output_line(file: str, part: str = "build_model") -> int | None:
    """The line that makes the output of the functional model that a recipe builds.

    Args:
        file: The recipe.
        part: The method that builds the model.
    """
    for found in _find_parts(file, part):
        models = [call for call in ast.walk(found) if isinstance(call, ast.Call) and called_name(call) == "Model"]
        for call in models:
            named = [keyword.value for keyword in call.keywords if keyword.arg == "outputs"]
            output = next(iter([*call.args[1:2], *named]), None)
            if isinstance(output, ast.Name):
                return _assigned_line(found, output) or output.lineno
            if output is not None:
                return output.lineno
    return None


def _assigned_line(function: ast.AST, output: ast.Name) -> int | None:
    """The last assignment to a name before it is used."""
    names = (node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    lines = [node.lineno for node in names if node.id == output.id and node.lineno <= output.lineno]
    return max(lines, default=None)


def called_name(call: ast.Call) -> str:
    """The name of what is called, without a prefix."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _member_lines(node: ast.AST, name: str) -> Iterator[int | None]:
    """Lines of calls whose first argument is a name, and of values with that name in a dict."""
    for child in ast.walk(node):
        if isinstance(child, ast.Dict):
            for key, value in zip(child.keys, child.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == name:
                    yield value.lineno
        elif isinstance(child, ast.Call):
            named = [keyword.value for keyword in child.keywords if keyword.arg == "name"]
            for argument in [*child.args[:1], *named]:
                if isinstance(argument, ast.Constant) and argument.value == name:
                    yield child.lineno


def _find_parts(file: str, part: str) -> Iterator[ast.stmt]:
    """Assignments to, and definitions of, a name in a module and in its classes."""
    for node in _statements(file):
        if isinstance(node, ast.FunctionDef) and node.name == part:
            yield node
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == part for target in targets):
            yield node


@cache
def _statements(file: str) -> tuple[ast.stmt, ...]:
    try:
        body = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return ()
    inner = [statement for node in body if isinstance(node, ast.ClassDef) for statement in node.body]
    return (*inner, *body)
