"""The objects of a bucket: counted, and deleted page by page, because Google deletes empty buckets only."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from firelib.gcp.resources.api import Api, Json, with_query
from firelib.gcp.resources.request_error import RequestError

_CONCURRENT_DELETIONS = 8


@dataclass(frozen=True)
class BucketContent:
    """What a bucket holds, all versions of each object included.

    Attributes:
        objects: Number of objects.
        bytes: Their size.
    """

    objects: int
    bytes: int


def measure(api: Api, bucket_url: str) -> BucketContent:
    """Count the objects of a bucket and their bytes.

    Args:
        api: Google Cloud's APIs.
        bucket_url: URL of the bucket.
    """
    sizes = [int(item["size"]) for page in _pages(api, bucket_url) for item in page]
    return BucketContent(len(sizes), sum(sizes))


def delete_objects(api: Api, bucket_url: str) -> BucketContent:
    """Delete all versions of all objects of a bucket.

    Args:
        api: Google Cloud's APIs.
        bucket_url: URL of the bucket.

    Returns:
        What was deleted.

    Raises:
        RequestError: An object cannot be deleted, for instance because of a hold.
    """
    objects = size = 0
    with ThreadPoolExecutor(_CONCURRENT_DELETIONS) as pool:
        for page in _pages(api, bucket_url):
            list(pool.map(lambda item: _delete_object(api, bucket_url, item), page))
            objects, size = objects + len(page), size + sum(int(item["size"]) for item in page)
    return BucketContent(objects, size)


def _pages(api: Api, bucket_url: str) -> Iterator[list[Json]]:
    fields = "items(name,generation,size),nextPageToken"
    for page in api.pages(f"{bucket_url}/o", versions="true", fields=fields):
        yield page.get("items", [])


def _delete_object(api: Api, bucket_url: str, item: Json) -> None:
    url = f"{bucket_url}/o/{quote(item['name'], safe='')}"
    try:
        api.send("DELETE", with_query(url, generation=item["generation"]))
    except RequestError as error:
        if error.status != 404:  # a repeated request, or somebody else was faster
            raise
