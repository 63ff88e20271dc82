"""The `FIRELIB_*` environment variables.

They override only what cannot change results (addresses, parallelism, tracking, the location of the storage), because
DVC does not see the environment.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from firelib.errors import FirelibError

Tracking = Literal["none", "wandb", "tensorboard"]


class Environment(BaseSettings):
    """The `FIRELIB_*` variables.

    Attributes:
        storage_root: Overrides storage.root.
        num_cpus: Cores that embedded Ray may use; default all.
        workers: Overrides train.workers.
        expected_gpus: GPUs that a job has requested for each of its machines: `train.device: auto` then means `gpu`.
        tracking: `wandb` (offline without a key), `tensorboard` or `none`.
        cache: Folder for local copies of remote and of compressed shards; default the user's cache folder.
        cache_gib: Maximum total size of the local copies, in GiB; 0 keeps no copies of remote shards.
        sources: Folder of raw files, used by name where the recipe declares their hashes.
        ray_address: Dashboard of a Ray cluster, http://HOST:8265; each stage is submitted there as a job.
        submit: File of `firelib submit -- firelib run`, with the job of each stage.
    """

    model_config = SettingsConfigDict(env_prefix="FIRELIB_", env_ignore_empty=True, extra="ignore")

    storage_root: str | None = None
    num_cpus: int | None = Field(default=None, ge=1)
    workers: int | None = Field(default=None, ge=1)
    expected_gpus: int | None = Field(default=None, ge=0)
    tracking: Tracking = "wandb"
    cache: Path | None = None
    cache_gib: float = Field(default=64, ge=0)
    sources: Path | None = None
    ray_address: str | None = None
    submit: Path | None = None

    @property
    def sends_stages(self) -> bool:
        """Whether stages run as jobs elsewhere."""
        return bool(self.ray_address or self.submit)


def load_environment() -> Environment:
    """The environment's overrides.

    Raises:
        FirelibError: Variables are invalid; the error names all of them.
    """
    try:
        return Environment()
    except ValidationError as error:
        problems = [f"FIRELIB_{str(e['loc'][0]).upper()}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
        raise FirelibError(
            "\n".join(problems), where="environment variables", remedy="unset or correct these variables"
        ) from None
