"""Records of stages for tests."""

from typing import Any

from firelib.stage_records.stage_record import VERSION, Stage, StageRecord


def measured(stage: Stage = "transform", rows: int = 1, **more: Any) -> StageRecord:
    """A run that measured a rate, on two cores.

    Args:
        stage: The stage.
        rows: Its rows; 0 for a run that measured none.
        more: Other fields.
    """
    usual = {"version": VERSION, "begun": "2026-01-01T00:00:00+00:00", "seconds": 1, "cores": 2}
    return StageRecord.model_validate({**usual, "stage": stage, "rows": rows, **more})
