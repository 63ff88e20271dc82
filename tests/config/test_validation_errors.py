from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from firelib.config import explain_validation_error


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Disk(Strict):
    size: int = Field(default=1, ge=1)
    kind: str = "ssd"

    @model_validator(mode="after")
    def _validate(self) -> "Disk":
        if self.size == 13:
            raise ValueError("size 13 is not for sale")
        return self

    @field_validator("kind")
    @classmethod
    def _validate_kind(cls, kind: str) -> str:
        if kind == "tape":
            raise ValueError("expected ssd or hdd")
        return kind


class Local(Strict):
    type: Literal["local"]
    address: str = ""


class Cloud(Strict):
    type: Literal["cloud"]
    region: str = ""


class Machine(Strict):
    name: str
    boot: Disk | None = None
    disks: list[Disk] = []
    labelled: dict[str, Annotated[Disk, Field(description="a disk")]] = {}
    provider: Annotated[Local | Cloud, Field(discriminator="type")] | None = None
    machine_type: str = Field(default="small", alias="machineType")


def explain(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Machine.model_validate({"name": "m", **fields})
    return explain_validation_error(caught.value, Machine)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"nmae": 1}, "nmae is unknown: did you mean 'name'?"),
        ({"boot": {"sise": 1}}, "boot.sise is unknown: did you mean 'size'?"),
        ({"disks": [{}, {"knid": 1}]}, "disks.1.knid is unknown: did you mean 'kind'?"),
        ({"labelled": {"size": {"sise": 1}}}, "labelled.size.sise is unknown: did you mean 'size'?"),
        ({"provider": {"type": "cloud", "regoin": 1}}, "provider.cloud.regoin is unknown: did you mean 'region'?"),
        ({"machinetype": 1}, "machinetype is unknown: did you mean 'machineType'?"),
    ],
)
def test_an_unknown_name_has_the_nearest_known_one(fields: dict[str, Any], line: str) -> None:
    assert explain(**fields) == line


def test_missing_and_invalid_fields_are_one_line_each() -> None:
    with pytest.raises(ValidationError) as caught:
        Machine.model_validate({"boot": {"size": 0}, "disks": 3})
    lines = explain_validation_error(caught.value, Machine).splitlines()
    assert [line.split()[0].rstrip(":") for line in lines] == ["name", "boot.size", "disks"]
    assert lines[0] == "name is missing"
    assert lines[1].endswith("got 0")
    assert lines[2].endswith("got 3")


def test_a_validator_of_a_section_does_not_print_the_section() -> None:
    assert explain(boot={"size": 13}) == "boot: size 13 is not for sale"


def test_a_validator_of_a_field_prints_the_value() -> None:
    assert explain(boot={"kind": "tape"}) == "boot.kind: expected ssd or hdd, got 'tape'"


def test_a_value_that_is_no_mapping_at_all() -> None:
    with pytest.raises(ValidationError) as caught:
        Machine.model_validate([])
    assert explain_validation_error(caught.value, Machine).startswith("top level: ")
