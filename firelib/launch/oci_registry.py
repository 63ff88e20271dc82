"""Queries to an image registry: whether it has an image, for which platform and with which labels, without a pull."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
class ImageConfig:
    """The configuration of an image, in the terms of the OCI image specification.

    Attributes:
        os: Operating system, such as `linux`.
        architecture: CPU architecture, such as `amd64`.
        labels: Its labels; empty for an image that none of the platforms' machines can run.
    """

    os: str
    architecture: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def runs_on_clouds(self) -> bool:
        """Whether the machines of Vertex AI, and most nodes of Kubernetes, can run the image."""
        return (self.os, self.architecture) == ("linux", "amd64")


def read_image_config(image: str) -> ImageConfig | None:
    """Ask the registry for an image's configuration.

    Args:
        image: HOST/NAME@sha256:…

    Returns:
        The configuration, that for `linux/amd64` if the image is for several platforms; None if the registry has no
        such image.

    Raises:
        FirelibError: The registry does not answer, or denies access.
    """
    name, _, digest = image.partition("@")
    host, _, repository = name.partition("/")
    manifest = _read(host, f"{repository}/manifests/{digest}")
    if manifest is not None and "manifests" in manifest:
        platforms = [(each["platform"]["os"], each["platform"]["architecture"]) for each in manifest["manifests"]]
        if ("linux", "amd64") not in platforms:
            return ImageConfig(*platforms[0])
        chosen = manifest["manifests"][platforms.index(("linux", "amd64"))]
        manifest = _read(host, f"{repository}/manifests/{chosen['digest']}")
    config = _read(host, f"{repository}/blobs/{manifest['config']['digest']}") if manifest else None
    if config is None:
        return None
    labels = (config.get("config") or {}).get("Labels") or {}
    return ImageConfig(config["os"], config["architecture"], labels)


def _read(host: str, path: str) -> dict[str, Any] | None:
    import requests

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
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(Request())
    except GoogleAuthError as error:
        what = f"not logged in to Google Cloud: {str(error).partition(chr(10))[0]}"
        raise FirelibError(what, where=host, remedy="gcloud auth application-default login") from None
    return {"Authorization": f"Bearer {credentials.token}"}
