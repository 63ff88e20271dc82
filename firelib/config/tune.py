"""Section `tune` of params.yaml."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from firelib.config.section import Section

_Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class Distribution(Section):
    """Values that `firelib tune` tries for one parameter; exactly one field is set.

    Attributes:
        choice: One of these values.
        uniform: A number between two bounds.
        loguniform: A number between two bounds; all orders of magnitude are equally likely.
        randint: An integer from the first bound up to, not including, the second.
    """

    choice: list[Any] | None = Field(default=None, min_length=1)
    uniform: _Bounds | None = None
    loguniform: _Bounds | None = None
    randint: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _validate(self) -> "Distribution":
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise ValueError(
                f"expected exactly one of choice, uniform, loguniform, randint, got {', '.join(given) or 'none'}"
            )
        if self.choice is None and not self.ends[0] < self.ends[1]:
            raise ValueError(f"the first bound must be less than the second, got {getattr(self, given[0])}")
        if self.loguniform and self.loguniform[0] <= 0:
            raise ValueError(f"the bounds of loguniform must be greater than 0, got {self.loguniform}")
        return self

    @property
    def ends(self) -> list[Any]:
        """The least and the greatest value; for `choice`, all values."""
        if self.randint:
            return [self.randint[0], self.randint[1] - 1] if self.randint[0] < self.randint[1] else self.randint
        return self.choice or self.uniform or self.loguniform or []


class Tune(Section):
    """What `firelib tune` tries. Trials are compared by `train.early_stopping.metric`.

    Attributes:
        trials: Number of trials.
        grace_epochs: Epochs that every trial trains before it can be stopped.
        reduction: At each epoch where trials are stopped, 1 of this many continues.
        seed: Seed of the sampled values.
        space: Parameter, such as `train.lr` or `model.hidden`, → its distribution.
    """

    trials: int = Field(default=8, ge=1)
    grace_epochs: int = Field(default=1, ge=1)
    reduction: int = Field(default=3, ge=2)
    seed: int = Field(default=0, ge=0)
    space: dict[str, Distribution] = Field(default_factory=dict)
