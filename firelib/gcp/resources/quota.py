"""Quotas of a project: what a cluster needs against what is left, read before anything is created."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firelib.gcp.quota_metrics import QuotaMetric
from firelib.gcp.resources.api import Api, Json
from firelib.gcp.resources.request_error import RequestError

_UNLIMITED = -1.0


@dataclass(frozen=True)
class Need:
    """What a cluster needs of one quota.

    Attributes:
        amount: How much.
        metrics: The quotas that may count; the first that the project has at all does. A Spot machine, for example,
            uses the preemptible quota if there is one, and otherwise the standard one.
    """

    amount: float
    metrics: tuple[QuotaMetric, ...]


@dataclass(frozen=True)
class Quota:
    """A quota of a project.

    Attributes:
        metric: Its name.
        location: A region, or `all regions`.
        limit: What the project may use.
        usage: What it uses; None if Google does not report it.
    """

    metric: str
    location: str
    limit: float
    usage: float | None

    def covers(self, amount: float) -> bool:
        """Whether there is this much left."""
        return self.limit == _UNLIMITED or self.limit - (self.usage or 0) >= amount

    def __str__(self) -> str:
        used = "not reported" if self.usage is None else f"{self.usage:g}"
        return f"{self.metric} ({self.location}): limit {self.limit:g}, usage {used}"


class Quotas:
    """The quotas of a project in one region.

    Args:
        api: Google Cloud's APIs.
        compute: URL of the project in Compute Engine's API.
        families: URL of the project's quotas of Compute Engine in the Cloud Quotas API.
        region: The region.
    """

    def __init__(self, api: Api, compute: str, families: str, region: str) -> None:
        self._api, self._families, self._region = api, families, region
        self._known = {
            **_parse_quotas(api.send("GET", compute), "all regions"),
            **_parse_quotas(api.send("GET", f"{compute}/regions/{region}"), region),
        }

    def explain_shortage(self, need: Need) -> str | None:
        """Explain why the project cannot have this much; None if it can, or if Google reports no such quota.

        Args:
            need: The amount and the quotas that may cover it.
        """
        known = [quota for quota in map(self._find, need.metrics) if quota is not None]
        counting = [quota for quota in known if quota.limit][:1] or known
        if not counting or counting[0].covers(need.amount):
            return None
        return f"quota {' or '.join(map(str, counting))}, need {need.amount:g}"

    def _find(self, metric: QuotaMetric) -> Quota | None:
        return self._read_family(metric) if metric.dimensions else self._known.get(metric.name)

    def _read_family(self, metric: QuotaMetric) -> Quota | None:
        """The limit for a family of GPUs or machines, which only the Cloud Quotas API knows; it reports no usage."""
        try:
            info = self._api.get(f"{self._families}/{metric.name}")
        except RequestError as error:
            self._api.notes.append(f"quota {metric}: not checked ({error.reason}: {error.message})")
            return Quota(str(metric), self._region, math.inf, None)  # creating a machine reports a shortage, too
        wanted = {**metric.dimensions, "region": self._region}
        limit = _most_specific_limit((info or {}).get("dimensionsInfos", []), wanted)
        return None if limit is None else Quota(str(metric), self._region, limit, None)


def _parse_quotas(body: Mapping[str, Any], location: str) -> dict[str, Quota]:
    return {
        item["metric"]: Quota(item["metric"], location, item["limit"], item.get("usage", 0.0))
        for item in body.get("quotas", [])
    }


def _most_specific_limit(infos: Iterable[Json], wanted: Mapping[str, str]) -> float | None:
    """The limit of the entry that matches in most dimensions; an entry without dimensions is the default."""
    matching = [info for info in infos if info.get("dimensions", {}).items() <= wanted.items()]
    best = max(matching, key=lambda info: len(info.get("dimensions", {})), default=None)
    return None if best is None else float(best.get("details", {}).get("value", 0))


def total(needs: Iterable[Need]) -> Iterator[Need]:
    """Add up needs of the same quotas: quotas are for all machines together.

    Args:
        needs: Needs of single machines.
    """
    amounts: dict[tuple[QuotaMetric, ...], float] = {}
    for need in needs:
        amounts[need.metrics] = amounts.get(need.metrics, 0) + need.amount
    return (Need(amount, metrics) for metrics, amount in amounts.items() if amount)
