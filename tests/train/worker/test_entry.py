"""The imports of a worker's process. Whole workers run in test_train_stage.py."""

import gc
import sys

from firelib.train.worker import entry


def test_imports_are_complete_and_exempt_from_garbage_collection():
    before = gc.get_freeze_count()
    try:
        entry.start_imports()
        entry._import_thread.join()
        assert {"tensorflow", "keras", "firelib.train.worker.training_loop"} <= set(sys.modules)
        assert gc.get_freeze_count() > before + 100_000
        assert gc.isenabled()
    finally:
        gc.unfreeze()
