"""The settings of a project for jobs, validated together, and the file in which `firelib submit` finds them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from firelib.errors import FirelibError

#: Written by `make vertex`, relative to the project: NAME=VALUE lines. It holds no secret.
FILE = Path(".firelib", "vertex.env")

_PATTERNS = {
    "PROJECT": (r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project id, such as my-lab-123456"),
    "REGION": (r"[a-z]+-[a-z]+\d+", "a region, such as europe-west4"),
    "BUCKET": (r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", "a bucket's name without gs://"),
    "MACHINE": (r"[a-z][a-z0-9]*(-[a-z0-9]+)+", "a machine type, such as n1-standard-8"),
    "SECRET": (r"[A-Z][A-Z0-9_]{0,200}", "the name of a variable, such as WANDB_API_KEY"),
}
_OPTIONAL = ("SECRET",)
_REGISTRY_DOMAIN = "-docker.pkg.dev"
#: Variable in the file → the word of `make vertex`.
VARIABLES = {
    "GOOGLE_CLOUD_PROJECT": "PROJECT",
    "GOOGLE_CLOUD_REGION": "REGION",
    "FIRELIB_MACHINE": "MACHINE",
    "FIRELIB_SECRET": "SECRET",
    "FIRELIB_STORAGE_ROOT": "BUCKET",
}


@dataclass(frozen=True)
class VertexSettings:
    """Where jobs run and what they use.

    Attributes:
        project: Id of the Google Cloud project.
        region: Region of the jobs, the bucket and the images.
        bucket: Name of the bucket.
        machine: Machine type of a job that names none.
        secret: Variable whose value is stored in Secret Manager; empty for none.
        own_account: Service account of the user's own, instead of the one that `make vertex` creates.
        own_registry: Repository of the user's own: HOST/PROJECT/NAME.
    """

    project: str
    region: str
    bucket: str
    machine: str = "n1-standard-8"
    secret: str = ""
    own_account: str = ""
    own_registry: str = ""

    @property
    def registry(self) -> str:
        """Repository of the images, the value of `make push REGISTRY=…`."""
        return self.own_registry or f"{self.region}{_REGISTRY_DOMAIN}/{self.project}/firelib-jobs"

    @property
    def registry_host(self) -> str:
        """Host of the registry, for which Docker needs a credential helper."""
        return self.registry.partition("/")[0]

    @property
    def repository(self) -> str:
        """Name of the repository in Artifact Registry, relative to its API."""
        host, project, name = self.registry.split("/")
        return f"projects/{project}/locations/{host.removesuffix(_REGISTRY_DOMAIN)}/repositories/{name}"

    @property
    def account(self) -> str:
        """Email of the jobs' service account."""
        return self.own_account or f"firelib-jobs@{self.project}.iam.gserviceaccount.com"

    @property
    def storage_root(self) -> str:
        """Folder of the bucket that holds data, checkpoints and outputs."""
        return f"gs://{self.bucket}/firelib"

    @property
    def secret_id(self) -> str:
        """Name of the secret in Secret Manager; empty for none."""
        return f"firelib-{self.secret.lower().replace('_', '-')}" if self.secret else ""

    def variables(self) -> dict[str, str]:
        """Return what `firelib submit --to vertex` and `make push` read, by variable."""
        return {
            "GOOGLE_CLOUD_PROJECT": self.project,
            "GOOGLE_CLOUD_REGION": self.region,
            "FIRELIB_STORAGE_ROOT": self.storage_root,
            "FIRELIB_SERVICE_ACCOUNT": self.account,
            "FIRELIB_MACHINE": self.machine,
            **({"FIRELIB_SECRET": self.secret} if self.secret else {}),
            "REGISTRY": self.registry,
        }

    def render(self) -> str:
        """Return the content of the settings file."""
        head = "# Written by make vertex; firelib submit --to vertex and make push read it.\n"
        return head + "".join(f"{name}={value}\n" for name, value in self.variables().items())


def default_bucket(project: str) -> str:
    """Return the name of the bucket that `make vertex` creates.

    Args:
        project: Id of the project.
    """
    return f"{project}-firelib-jobs"


def parse_settings(words: Mapping[str, str | None], saved: Mapping[str, str] | None = None) -> VertexSettings:
    """Validate the words of `make vertex`.

    Args:
        words: PROJECT, REGION, BUCKET, MACHINE and SECRET; empty and missing ones have defaults.
        saved: Variables of an earlier run; unless it was for another project, its words are the defaults.

    Raises:
        FirelibError: Words are missing or wrong; all of them are named.
    """
    given = {name: value.strip() for name, value in words.items() if value}
    before = _from_saved(saved or {})
    if given.get("PROJECT") in (None, before.get("PROJECT")):
        given = before | given
    given.setdefault("BUCKET", default_bucket(given["PROJECT"]) if given.get("PROJECT") else "")
    given.setdefault("MACHINE", VertexSettings.machine)
    problems = list(_find_problems(given))
    if problems:
        raise FirelibError(
            "\n".join(problems),
            where="the command line",
            remedy="make vertex PROJECT=my-lab-123456 REGION=europe-west4",
        )
    return VertexSettings(given["PROJECT"], given["REGION"], given["BUCKET"], given["MACHINE"], given.get("SECRET", ""))


def with_own(settings: VertexSettings, account: str | None, registry: str | None) -> VertexSettings:
    """Return settings with a service account and a registry that `make vertex` has not made.

    Args:
        settings: The settings.
        account: Email of the account, or nothing.
        registry: The repository, or nothing. One that is not in Artifact Registry is left out.
    """
    is_known = registry and re.fullmatch(rf"[^/]+{re.escape(_REGISTRY_DOMAIN)}/[^/]+/[^/]+", registry)
    return replace(settings, own_account=account or "", own_registry=registry or "" if is_known else "")


def read_saved(project: Path) -> dict[str, str]:
    """Return the variables that `make vertex` has written; empty without the file.

    Args:
        project: The project's folder.
    """
    file = project / FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _from_saved(saved: Mapping[str, str]) -> dict[str, str]:
    found = {word: saved[variable] for variable, word in VARIABLES.items() if saved.get(variable)}
    root = found.pop("BUCKET", "")
    return {**found, "BUCKET": root.removeprefix("gs://").partition("/")[0]} if root.startswith("gs://") else found


def _find_problems(given: Mapping[str, str]) -> Iterator[str]:
    for name, (pattern, expected) in _PATTERNS.items():
        value = given.get(name, "")
        if name == "BUCKET" and not value:
            continue  # it follows from PROJECT, which is missing
        if not value and name not in _OPTIONAL:
            yield f"{name} is missing: expected {expected}"
        elif value and not re.fullmatch(pattern, value):
            yield f"{name}: expected {expected}, got {value!r}"
