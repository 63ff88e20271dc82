"""Queries to an image registry: whether it has an image, and for which platform, without pulling the image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from firelib.errors import FirelibError

# https://github.com/opencontainers/distribution-spec: manifests by digest, one platform or an index of several
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
class ImagePlatform:
    """The platform of an image, in the terms of the OCI image specification.

    Attributes:
        os: Operating system, such as `linux`.
        architecture: CPU architecture, such as `amd64`.
    """

    os: str
    architecture: str


def read_image_platform(image: str) -> ImagePlatform | None:
    """Ask the registry for an image's platform.

    Args:
        image: HOST/NAME@sha256:…

    Returns:
        The platform; `linux/amd64` if an image for several platforms has it; None if the registry has no such image.

    Raises:
        FirelibError: The registry does not answer, or denies access.
    """
    name, _, digest = image.partition("@")
    host, _, repository = name.partition("/")
    manifest = _read(host, f"{repository}/manifests/{digest}")
    if manifest is None:
        return None
    if "manifests" in manifest:
        platforms = [each["platform"] for each in manifest["manifests"]]
        found = [ImagePlatform(each["os"], each["architecture"]) for each in platforms]
        return next((each for each in found if each == ImagePlatform("linux", "amd64")), found[0])
    config = _read(host, f"{repository}/blobs/{manifest['config']['digest']}")
    return ImagePlatform(config["os"], config["architecture"]) if config else None


def _read(host: str, path: str) -> dict[str, Any] | None:
    url = f"{'http' if host.startswith(_LOOPBACK) else 'https'}://{host}/v2/{path}"
    try:
        answer = requests.get(url, headers={"Accept": ", ".join(_MANIFESTS), **_authorize(host)}, timeout=_SECONDS)
    except requests.RequestException as error:
        raise FirelibError(
            f"the registry does not answer: {error}", where=host, remedy="check the host in the image's name"
        ) from None
    if answer.status_code == requests.codes.not_found:
        return None
    if not answer.ok:
        remedy = "run gcloud auth application-default login, and grant roles/artifactregistry.reader"
        raise FirelibError(
            f"the registry denies access (HTTP {answer.status_code})", where=f"{host}/{path}", remedy=remedy
        )
    document: dict[str, Any] = answer.json()
    return document


def _authorize(host: str) -> Mapping[str, str]:
    """Headers with Google's credentials, for Google's registries only."""
    if not host.endswith(_GOOGLE):
        return {}
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())
    return {"Authorization": f"Bearer {credentials.token}"}
