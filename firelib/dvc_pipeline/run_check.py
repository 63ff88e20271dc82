"""Check a project before its stages run."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from firelib.check.report import show
from firelib.config import Environment
from firelib.dvc_pipeline.model_check import refuse

_EXTRACT = "extract"


def check_before_run(params: Path, environment: Environment, stale: Sequence[str]) -> None:
    """Check configuration and recipe; the first rows, too, if the sources will be read.

    Args:
        params: The params.yaml.
        environment: Tells whether the stages run elsewhere, where other sources can be read.
        stale: Names of the stages to run.

    Raises:
        FirelibError: A run would fail. All findings are shown.
    """
    from firelib.check.description import check_description  # imports pandas: a run with nothing to do needs none of it
    from firelib.dvc_pipeline.step_check import check_dvc_file

    # Without a stale extract, the lake has the rows, and their source may be gone.
    with_rows = _EXTRACT in stale and find_spec("dask") is not None
    description = check_description(params, with_rows, "warning" if environment.sends_stages else "error")
    findings = [*description.findings, *check_dvc_file(description)]
    show(findings)
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        raise refuse(errors)
