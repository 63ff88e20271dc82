"""What failed in a playbook, read from what `ansible-playbook` prints with results as JSON."""

import json
import re

_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.*)\] \**$")
_RESULT = re.compile(r"^(?:fatal|failed): \[(?P<host>[^\] ]+).*? => (?P<result>\{.*\})$")


def failures(said: str) -> list[str]:
    """One line for each task that failed on a host: the task's name, the host, the message.

    A failure that the playbook ignores is none.
    """
    found, task, lines = [], "", said.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if named := _TASK.match(line):
            task = named["name"]
        elif (failed := _RESULT.match(line)) and following != "...ignoring":
            found.append(f"task {task!r} failed on {failed['host']}: {_message(failed['result'])}")
    return found


def _message(result: str) -> str:
    try:
        fields = json.loads(result)
    except ValueError:
        return result
    # A command's own words are in its output; `msg` is only "non-zero return code".
    words = (fields.get("msg"), fields.get("stderr"), None if fields.get("stderr") else fields.get("stdout"))
    return " | ".join(str(word).strip() for word in words if word)
