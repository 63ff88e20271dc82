import signal
import sys

import pytest

from firelib.train.signals import own_ctrl_c


def interrupted() -> None:
    with own_ctrl_c():
        signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
        signal.raise_signal(signal.SIGINT)


def test_training_stopped_by_ctrl_c_has_not_ended_well() -> None:
    """Ray Train's handler says `sys.exit(0)`: DVC would take that for success."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is before
