"""The result of one check."""

from dataclasses import dataclass
from typing import Literal, Self

from firelib.errors import FirelibError

Status = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: What was checked.
        status: `ok`; `warning` if firelib works with a drawback; `error` if it does not work.
        detail: The measured value or the state.
        remedy: What to do; required unless the status is `ok`.
    """

    name: str
    status: Status
    detail: str
    remedy: str | None = None

    def __post_init__(self) -> None:
        if self.status != "ok" and not self.remedy:
            raise ValueError(f"{self.name}: a finding that is not ok needs a remedy")

    @classmethod
    def from_error(cls, name: str, error: FirelibError, remedy: str) -> Self:
        """Turn an error into a finding.

        Args:
            name: What was checked.
            error: What the check raised.
            remedy: Used if the error has no remedy of its own.
        """
        detail = f"{error.what}\n  where:  {error.where}" if error.where else error.what
        return cls(name, "error", detail, error.remedy or remedy)
