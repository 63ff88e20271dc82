"""Run DVC as a child of `firelib run`: `python -m firelib.dvc_pipeline.dvc_child PARENT ARGUMENT …`."""

import signal
import sys

from firelib.parent_watch import die_with_parent


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

    sys.argv = ["dvc", *arguments]  # DVC writes it into its locks
    return int(dvc(arguments))


if __name__ == "__main__":
    sys.exit(main())
