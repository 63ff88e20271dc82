"""Where buckets lie: regions, pairs of regions, and continents; reading from another region is slow and billed.

https://cloud.google.com/storage/docs/locations
"""

from collections.abc import Mapping, Sequence

_CONTINENTS: Mapping[str, tuple[str, ...]] = {
    "us": ("us-", "northamerica-"),
    "eu": ("europe-",),
    "asia": ("asia-",),
}
_PAIRS: Mapping[str, tuple[str, str]] = {
    "asia1": ("asia-northeast1", "asia-northeast2"),
    "eur4": ("europe-north1", "europe-west4"),
    "eur5": ("europe-west1", "europe-west2"),
    "eur7": ("europe-west2", "europe-west3"),
    "eur8": ("europe-west3", "europe-west6"),
    "nam4": ("us-central1", "us-east1"),
}


def covers(location: str, region: str, data_locations: Sequence[str] = ()) -> bool:
    """Whether a bucket is in a region, or in a pair of regions or a continent around it.

    Args:
        location: The bucket's location, such as `EUROPE-WEST4`, `EUR4` or `EU`.
        region: The region.
        data_locations: The two regions of a pair that its owner has chosen (`customPlacementConfig.dataLocations`).

    Example:
        >>> covers("EU", "europe-west4"), covers("EUR4", "europe-west4"), covers("us", "europe-west4")
        (True, True, False)
    """
    found = location.lower()
    chosen = [each.lower() for each in data_locations]
    inside = region == found or region in chosen or region in _PAIRS.get(found, ())
    return inside or (not chosen and region.startswith(_CONTINENTS.get(found, ("\0",))))
