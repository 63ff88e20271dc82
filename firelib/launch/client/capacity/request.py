"""What `firelib plan --rows` is asked for: all wrong options are reported in one error."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from firelib.gcp.machine_types import Provisioning, machines
from firelib.launch.client.capacity.model.network import Network
from firelib.launch.field_errors import parse_fields

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_ENVIRONMENTS = ("all", "ray", "vertex", "kubeflow")


def parse_rows(value: Any) -> Any:
    """Parse a number of rows: `1000000`, `1_000_000`, `1e6`, `33.7e6`.

    Raises:
        ValueError: It is no whole number.
    """
    if not isinstance(value, str):
        return value
    try:
        rows = float(value)
    except ValueError:
        rows = 0.5
    if not isfinite(rows) or rows != int(rows):
        raise ValueError("expected a number of rows, such as 33000000 or 1e9")
    return int(rows)


def parse_duration(value: Any) -> Any:
    """Parse a duration in seconds: `2h`, `1h30m`, `90m`, `5400`, `1.5h`.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip().lower())
    if match and any(match.groups()):
        return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS.values(), strict=True) if part)
    try:
        return float(value)
    except ValueError:
        raise ValueError("expected a duration, such as 2h, 1h30m or 5400 (seconds)") from None


def format_duration(seconds: float) -> str:
    """Return a duration as people say it: `45 s`, `12 min`, `2 h 05 min`.

    Args:
        seconds: The duration.

    Example:
        >>> format_duration(7500)
        '2 h 05 min'
    """
    if not isfinite(seconds):
        return "without end"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def _check_machine(name: str | None) -> str | None:
    machine = machines().get(name or "")
    if name is not None and machine is None:
        known = ", ".join(each for each, found in machines().items() if found.gpu is None)
        raise ValueError(f"expected a machine type of the catalog without GPUs ({known})")
    if machine and machine.gpu:
        raise ValueError("expected a machine type without GPUs: no training on a GPU was ever measured")
    return name


def _check_environment(name: str) -> str:
    if name not in _ENVIRONMENTS:
        raise ValueError(f"expected one of {', '.join(_ENVIRONMENTS)}, whose machines are rented")
    return name


def _check_provisioning(name: Any) -> Any:
    if name == "flex-start":
        raise ValueError("expected on-demand or spot: flex-start rents machines with GPUs, which were never measured")
    return name


_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", validate_default=False))
class CapacityRequest:
    """The options of the command.

    Attributes:
        rows: Rows of the dataset.
        deadline: Seconds in which the pipeline must end; None for no limit.
        to: Where the machines are: `vertex` adds its fee.
        machine: The only machine type to consider; None for all without GPUs.
        replicas: The only number of machines to consider; None for up to 256.
        provisioning: How machines are rented: `on-demand` or `spot`.
        latency_ms: Milliseconds until the first byte of a request to the bucket.
        bucket_gbit: Bandwidth of the bucket over all machines, in Gbit/s.
        preemptions: Preemptions of one Spot machine an hour.
    """

    rows: Annotated[int, BeforeValidator(parse_rows), Field(ge=1, le=10**15)]
    deadline: Annotated[_Positive | None, BeforeValidator(parse_duration)] = None
    to: Annotated[str, BeforeValidator(_check_environment)] = "all"
    machine: Annotated[str | None, BeforeValidator(_check_machine)] = None
    replicas: Annotated[int | None, Field(ge=1, le=1024)] = None
    provisioning: Annotated[Provisioning, BeforeValidator(_check_provisioning)] = "on-demand"
    latency_ms: Annotated[float, Field(ge=0, le=60_000)] = 20.0
    bucket_gbit: _Positive = 200.0
    preemptions: Annotated[float, Field(ge=0, le=60)] = 0.05

    @property
    def network(self) -> Network:
        """The network to the bucket."""
        return Network(self.latency_ms / 1000, self.bucket_gbit * 1e9 / 8)


def parse_request(given: Mapping[str, Any]) -> CapacityRequest:
    """Check the options; those that are None have their defaults.

    Args:
        given: Option → value.

    Raises:
        FirelibError: Options are wrong; the error names all of them.
    """
    fields = {name: value for name, value in given.items() if value is not None}
    remedy = "see Plan machines for a number of rows in docs/costs.md"
    return parse_fields(CapacityRequest, fields, "the command line", remedy)
