"""Run the pipeline: upload the project's code under the hash of its content, and start a run in Kubeflow Pipelines."""

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.backends.kubeflow.kfp.pipeline import PipelineSpec, compile_pipeline
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.transfer.code_archive import write_package

_LIMIT_MIB = 1024
_TIMEOUT_SECONDS = 30.0
_OK = 200


class RunRequest(NamedTuple):
    """What a run consists of.

    Attributes:
        pipeline: The compiled pipeline.
        arguments: Parameters of the pipeline: `project` and `root`.
        code: The archive with the project's code, which has to be uploaded to `project`.
        caching: Whether unchanged stages are skipped.
        service_account: Service account of the pods; None for the one of the installation.
    """

    pipeline: str
    arguments: Mapping[str, str]
    code: bytes
    caching: bool
    service_account: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the request without the archive."""
        return {
            "arguments": dict(self.arguments),
            "code_bytes": len(self.code),
            "caching": self.caching,
            "service_account": self.service_account,
            "pipeline": self.pipeline,
        }


def build_run(spec: PipelineSpec, project: Path, root: str | None) -> RunRequest:
    """Return what a run would send. An unchanged project keeps the URI of its code, so that the cache finds its stages.

    Args:
        spec: The pipeline.
        project: The project's folder.
        root: Storage root: a bucket that the pods may read and write.

    Raises:
        FirelibError: Fields are wrong, there is no bucket, or the project's files contain secrets.
    """
    if not (root or "").startswith(("gs://", "s3://")):
        raise FirelibError(
            f"expected a bucket as storage root, got {root!r}",
            where="FIRELIB_STORAGE_ROOT and storage.root",
            remedy="export FIRELIB_STORAGE_ROOT=gs://BUCKET/PREFIX",
        )
    pipeline, code = compile_pipeline(spec), _pack_code(project)
    uri = storage.join(str(root), "pipelines", "code", f"{hashlib.sha256(code).hexdigest()}.zip")
    account = KubeflowTarget.parse(spec.target).service_account
    return RunRequest(pipeline, {"project": uri, "root": str(root)}, code, spec.caching, account)


def start_run(request: RunRequest, host: str, namespace: str | None, token: str | None = None) -> str:
    """Upload the code, unless it is there, and start a run; return its id.

    Args:
        request: The run.
        host: Address of Kubeflow Pipelines.
        namespace: Namespace of the run in an installation for several users; None otherwise.
        token: Token for the service, if it needs one.

    Raises:
        FirelibError: The service refuses or does not answer.
    """
    with _translated_errors(host):
        _check_service(host, token)
        if not storage.exists(request.arguments["project"]):
            storage.write_bytes(request.arguments["project"], request.code)
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):  # kfp prints links
            file = Path(folder, "pipeline.yaml")
            file.write_text(request.pipeline, encoding="utf-8")
            return _create_run(request, file, host, namespace, token)


def _create_run(request: RunRequest, file: Path, host: str, namespace: str | None, token: str | None) -> str:
    from kfp import client

    service = client.Client(host=host, namespace=namespace or "", existing_token=token)
    run = service.create_run_from_pipeline_package(
        str(file),
        arguments=dict(request.arguments),
        experiment_name="firelib",
        namespace=namespace,
        enable_caching=None if request.caching else False,
        service_account=request.service_account,
    )
    return str(run.run_id)


def _check_service(host: str, token: str | None) -> None:
    """Ask once whether the service answers: kfp's client would ask five times and log a traceback for each.

    Raises:
        ApiException: The service refuses.
        HTTPError: The service does not answer.
    """
    from kfp_server_api import ApiException
    from urllib3 import PoolManager

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with PoolManager(retries=False, timeout=_TIMEOUT_SECONDS) as pool:
        answer = pool.request("GET", f"{host.rstrip('/')}/apis/v2beta1/healthz", headers=headers)
    if answer.status != _OK:
        raise ApiException(status=answer.status, reason=answer.reason)


def _pack_code(project: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "code.zip")
        write_package(project, "extract", archive, _LIMIT_MIB)
        return archive.read_bytes()


@contextmanager
def _translated_errors(host: str) -> Iterator[None]:
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise FirelibError(
            f"Kubeflow Pipelines refuses: {error.status} {error.reason}",
            where=host,
            remedy="check the address, the namespace and the token (export KFP_TOKEN=…)",
        ) from None
    except (HTTPError, TimeoutError) as error:
        raise FirelibError(
            f"Kubeflow Pipelines does not answer: {error}",
            where=host,
            remedy="forward its port: kubectl port-forward --namespace kubeflow svc/ml-pipeline-ui 8080:80",
        ) from None
