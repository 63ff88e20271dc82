"""The XML API of Google Cloud Storage in front of fake-gcs-server, which has the JSON API only.

Delta's library speaks the XML API. Every request becomes one of the JSON API, with its condition; those of the JSON API
itself, which gcsfs speaks, pass unchanged.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

from tests.unreliable import Answer, Unreliable, serve

_JSON = ("storage", "upload", "download", "batch", "b", "resumable")


class XmlApi(Unreliable):
    """The proxy; it also fails requests, as its base class does."""

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        if bucket in _JSON:
            return super().forward(method, path, headers, body)
        objects = f"/storage/v1/b/{quote(bucket)}/o"
        if method == "PUT":
            return self._put(bucket, name, headers, body)
        if method == "GET" and not name:
            return self._list(objects, {key: values[0] for key, values in parse_qs(parts.query).items()})
        target = f"{objects}/{quote(name, safe='')}"
        if method == "HEAD":
            return self._head(target)
        return super().forward(method, target + ("?alt=media" if method == "GET" else ""), headers, body)

    def _put(self, bucket: str, name: str, headers: dict[str, str], body: bytes) -> Answer:
        lowered = {key.lower(): value for key, value in headers.items()}
        query = {"uploadType": "media", "name": name}
        if "x-goog-if-generation-match" in lowered:
            query["ifGenerationMatch"] = lowered["x-goog-if-generation-match"]
        path = f"/upload/storage/v1/b/{quote(bucket)}/o?{urlencode(query)}"
        status, _, content = super().forward("POST", path, {"Content-Type": "application/octet-stream"}, body)
        return status, {"ETag": json.loads(content)["etag"]} if status == 200 else {}, b""

    def _list(self, objects: str, query: dict[str, str]) -> Answer:
        asked = {"prefix": query.get("prefix", ""), "delimiter": query.get("delimiter", "")}
        status, _, content = super().forward("GET", f"{objects}?{urlencode(asked)}", {}, b"")
        if status != 200:
            return status, {}, b"<Error><Code>NoSuchBucket</Code></Error>"
        listed = json.loads(content)
        entries = [
            f"<Contents><Key>{escape(item['name'])}</Key><Size>{item['size']}</Size>"
            f"<LastModified>{item['updated']}</LastModified><ETag>{item['etag']}</ETag></Contents>"
            for item in listed.get("items", [])
            if item["name"] > query.get("start-after", "")
        ]
        entries += [
            f"<CommonPrefixes><Prefix>{escape(p)}</Prefix></CommonPrefixes>" for p in listed.get("prefixes", [])
        ]
        xml = f"<ListBucketResult><KeyCount>{len(entries)}</KeyCount>{''.join(entries)}</ListBucketResult>"
        return 200, {"Content-Type": "application/xml"}, xml.encode()

    def _head(self, target: str) -> Answer:
        status, _, content = super().forward("GET", target, {}, b"")
        if status != 200:
            return status, {}, b""
        found = json.loads(content)
        modified = format_datetime(datetime.fromisoformat(found["updated"]), usegmt=False)
        return 200, {"Content-Length": found["size"], "Last-Modified": modified, "ETag": found["etag"]}, b""


@contextmanager
def xml_api(target: str, host: str = "127.0.0.1") -> Iterator[XmlApi]:
    """Run the proxy.

    Args:
        target: Address of fake-gcs-server.
        host: This machine's address where the proxy listens.
    """
    with XmlApi(target, host) as proxy, serve(proxy):
        yield proxy
