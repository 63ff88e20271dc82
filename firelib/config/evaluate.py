"""Section `evaluate` of params.yaml."""

from typing import Literal

from pydantic import Field, field_validator

from firelib.config.section import Section

Baseline = Literal["constant", "trees"]


class Evaluate(Section):
    """What `firelib evaluate` compares the model with.

    Attributes:
        baselines: `constant` predicts the same for every row. `trees` are boosted trees, or extremely randomised trees
            where boosting would take minutes; without them, an evaluation of many rows takes seconds.
    """

    baselines: list[Baseline] = Field(default=["constant", "trees"])

    @field_validator("baselines")
    @classmethod
    def _validate_baselines(cls, baselines: list[Baseline]) -> list[Baseline]:
        if len(set(baselines)) < len(baselines):
            raise ValueError(f"expected each baseline once, got {baselines}")
        return baselines
