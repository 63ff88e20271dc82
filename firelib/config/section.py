"""The base of all sections of params.yaml."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section that refuses unknown fields and values of another type, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
