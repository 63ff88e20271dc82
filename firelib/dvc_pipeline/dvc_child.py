"""Run DVC as a child of `firelib run`: `python -m firelib.dvc_pipeline.dvc_child PARENT ARGUMENT …`."""

import signal
import sys
from contextlib import suppress
from typing import Any

from firelib.parent_watch import die_with_parent

_PUSH_HINT = "Use `dvc push` to send your updates to remote storage."


def main() -> int:
    """Run DVC with the arguments of this process; it ends with its parent, and leaves SIGTERM to the stage.

    Returns:
        DVC's exit code.
    """
    parent, *arguments = sys.argv[1:]
    die_with_parent(int(parent))
    # A handler instead of SIG_IGN, since the stage would inherit the latter. DVC itself would exit and leave the stage
    # running; `firelib run` tells DVC to stop if there is no stage.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background commands of a shell
    from dvc.cli import main as dvc

    _hide_push_hint()
    _hide_autostage_hint()
    sys.argv = ["dvc", *arguments]  # DVC writes it into its locks
    return int(dvc(arguments))


def _hide_push_hint() -> None:
    """Keep DVC from advising `dvc push` after each run of a project without a remote, where it would fail.

    DVC has no option for it.
    """
    from dvc.config import Config, ConfigError
    from dvc.ui import ui

    write = ui.write

    def write_others(*texts: Any, **options: Any) -> None:
        if texts != (_PUSH_HINT,):
            write(*texts, **options)

    with suppress(ConfigError):  # DVC itself explains it
        if not Config.from_cwd(validate=False).get("remote"):
            ui.write = write_others


def _hide_autostage_hint() -> None:
    """Keep DVC from advising `core.autostage` after each run: the line before it names the files for `git add`."""
    from dvc.repo import scm_context

    scm_context.logger.addFilter(lambda record: "core.autostage" not in record.getMessage())


if __name__ == "__main__":
    sys.exit(main())
