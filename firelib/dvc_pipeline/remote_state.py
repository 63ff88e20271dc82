"""Ask servers and object stores for the state of their files, to notice a change without fetching them."""

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from firelib import storage
from firelib.data.sources.delta_address import delta_folder, is_delta
from firelib.data.sources.listing import is_bucket, list_files
from firelib.recipe import Source

if TYPE_CHECKING:
    import httpx

_SECONDS = 1.0  # from the start of the requests; DVC compares the stages meanwhile
_LEAST_SECONDS = 0.2  # if most of that second has passed before `wait`
_ATTRIBUTES = (
    ("etag", "ETag", "md5Hash", "content_md5"),
    ("last-modified", "LastModified", "last_modified", "updated", "mtime"),
    ("content-length", "size", "Size"),
)

State = dict[str, str]
_CLIENT_LOCK = threading.Lock()


class RemoteStates:
    """Asks for the state of many files at once, from the moment it is created.

    A request may hang, in the lookup of a name too, which no timeout limits. So the threads are daemons: the process
    can end before they do.

    Args:
        uris: The files, on web servers or in the object stores of fsspec.
    """

    def __init__(self, uris: Iterable[str]) -> None:
        self._found: dict[str, State] = {}
        self._deadline = time.monotonic() + _SECONDS
        self._threads = [threading.Thread(target=self._ask, args=(uri,), daemon=True) for uri in dict.fromkeys(uris)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> Mapping[str, State]:
        """Wait for the answers, for a second or so.

        Returns:
            URI → ETag or time of modification, and size. A file without an answer has no entry.
        """
        deadline = max(self._deadline, time.monotonic() + _LEAST_SECONDS)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return dict(self._found)

    def _ask(self, uri: str) -> None:
        with suppress(Exception):  # each kind of storage has its own errors, which all mean "not checked"
            if (
                state := _ask_listing(uri)
                if is_bucket(uri.removeprefix("delta+"))
                else _select(_ask_server_or_store(uri))
            ):
                self._found[uri] = state


def _ask_listing(uri: str) -> State:
    """The state of an object, of a Delta table, or of all objects of a folder or a pattern."""
    table = Source(uri)
    files = list_files(Source(storage.join(delta_folder(table), "_delta_log/")) if is_delta(table) else table)
    if not files[0].is_listed:
        return _select(_ask_store(uri))
    return {"tag": storage.sha256_json([[file.name, file.state] for file in files])}


def _ask_server_or_store(uri: str) -> Mapping[str, Any]:
    return _ask_server(uri) if uri.startswith(("http://", "https://")) else _ask_store(uri)


def _ask_server(uri: str) -> Mapping[str, Any]:
    with _CLIENT_LOCK:  # without it, threads that start together would each build a client
        client = _http_client()
    return dict(client.head(uri, timeout=_SECONDS).raise_for_status().headers)


@cache
def _http_client() -> "httpx.Client":
    """A client for all threads: it takes a tenth of a second to load the certificates."""
    import httpx

    # A compressed response has another tag and another length.
    return httpx.Client(headers={"Accept-Encoding": "identity"}, follow_redirects=True)


def _ask_store(uri: str) -> Mapping[str, Any]:
    fs, path = storage.filesystem(uri)
    return dict(fs.info(path))


def _select(answer: Mapping[str, Any]) -> State:
    """The attributes that tell whether a file is the same: a time of modification only where there is no tag."""
    tag, modified, size = (
        next((str(answer[name]) for name in names if answer.get(name) is not None), None) for names in _ATTRIBUTES
    )
    found = {"tag": tag, "modified": None if tag else modified, "size": size}
    return {name: value for name, value in found.items() if value is not None}
