"""What a registry says of an image, without pulling it: whether it is there, and for which machines it was built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from firelib.errors import FirelibError

_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_GOOGLE = (".pkg.dev", "gcr.io")
_LOOPBACK = ("127.0.0.1:", "localhost:")
_SECONDS = 30.0


@dataclass(frozen=True)
class ImageFacts:
    """For which machines an image was built, in Docker's words."""

    os: str
    architecture: str


def image_facts(image: str) -> ImageFacts | None:
    """What the registry knows of an image.

    Args:
        image: HOST/NAME@sha256:…

    Returns:
        None if the registry has no such image. Of an image for several machines `linux/amd64`, if it is one of them.

    Raises:
        FirelibError: The registry does not answer, or refuses.
    """
    name, _, digest = image.partition("@")
    host, _, repository = name.partition("/")
    manifest = _read(host, f"{repository}/manifests/{digest}")
    if manifest is None:
        return None
    if "manifests" in manifest:
        found = [ImageFacts(each["platform"]["os"], each["platform"]["architecture"]) for each in manifest["manifests"]]
        return next((each for each in found if each == ImageFacts("linux", "amd64")), found[0])
    config = _read(host, f"{repository}/blobs/{manifest['config']['digest']}")
    return ImageFacts(config["os"], config["architecture"]) if config else None


def _read(host: str, path: str) -> dict[str, Any] | None:
    url = f"{'http' if host.startswith(_LOOPBACK) else 'https'}://{host}/v2/{path}"
    try:
        answer = requests.get(url, headers={"Accept": ", ".join(_MANIFESTS), **_identity(host)}, timeout=_SECONDS)
    except requests.RequestException as error:
        raise FirelibError(f"the registry does not answer: {error}", where=host, remedy="is its name right?") from None
    if answer.status_code == requests.codes.not_found:
        return None
    if not answer.ok:
        remedy = "gcloud auth application-default login, and roles/artifactregistry.reader"
        raise FirelibError(f"the registry refuses ({answer.status_code})", where=f"{host}/{path}", remedy=remedy)
    found: dict[str, Any] = answer.json()
    return found


def _identity(host: str) -> Mapping[str, str]:
    """Who we are, for Google's registries only."""
    if not host.endswith(_GOOGLE):
        return {}
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())
    return {"Authorization": f"Bearer {credentials.token}"}
