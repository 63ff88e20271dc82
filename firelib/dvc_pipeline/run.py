"""`firelib run`: run the stages that DVC considers stale, with one Ray for all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from firelib.config import Environment
from firelib.console import note
from firelib.console_tables import show_output_paths, show_results
from firelib.dvc_pipeline.ignored_outputs import keep_ignored_outputs
from firelib.dvc_pipeline.model_check import ModelCheck, check_model_beside
from firelib.dvc_pipeline.repro import Repro
from firelib.dvc_pipeline.run_check import check_before_run
from firelib.dvc_pipeline.run_lock import forget_dead_owners, lock_pipeline
from firelib.dvc_pipeline.source_changes import SourceChanges
from firelib.errors import FirelibError, MergeConflictError, StoppedError, did_you_mean, find_merge_conflict
from firelib.project_layout import PIPELINES, Paths
from firelib.ray_setup.session import ray_session
from firelib.recipe import Recipe

_EXTRACT = "extract"


@dataclass(frozen=True)
class RunOptions:
    """Options of `firelib run`.

    Attributes:
        stages: Names of stages, which run with their dependencies; all stages if empty.
        force: Run stages that are up to date, too.
        debug: Show the output of Ray's workers.
        check: Check the project before stages run, and its model beside them.
    """

    stages: Sequence[str] = ()
    force: bool = False
    debug: bool = False
    check: bool = True


def run_pipeline(recipe: Recipe, paths: Paths, pipeline: Path, environment: Environment, options: RunOptions) -> int:
    """Bring stages up to date.

    Args:
        recipe: Names the sources.
        paths: Paths of the recipe's files.
        pipeline: The dvc.yaml that defines the stages.
        environment: Settings for the embedded Ray.
        options: What to run.

    Returns:
        DVC's exit code; 75 if a stage was stopped and can be resumed.

    Raises:
        FirelibError: The folder is not a DVC project, dvc.yaml is invalid, another `firelib run` of this pipeline is
            running, a folder of outputs holds files that firelib did not write, the check finds errors, or Ray does not
            start.
        KeyboardInterrupt: Ctrl-C was pressed, and the stage has ended.
    """
    folder = _find_dvc_folder(paths.project)
    with lock_pipeline(pipeline, folder):
        with _translate_errors(paths.project):
            forget_dead_owners(folder)
        targets = qualify_targets(pipeline, options.stages)
        sources = SourceChanges(recipe, paths, folder / f"sources-{recipe.name}.json")
        stale, changed = _find_stale_stages(paths, targets, sources)
        if not stale and not options.force:
            note("nothing to do: all stages are up to date (--force runs them anyway)")
            if _evaluates(options.stages):
                show_results(paths)
            return 0
        _check_output_folders(paths)
        params = pipeline.with_name("params.yaml")
        is_checked = options.check and params.is_file()
        if is_checked:
            check_before_run(params, environment, stale or [_EXTRACT])
        note(f"to run: {', '.join(stale) or 'all stages'}")
        # From its run cache, DVC would restore the lake.json of earlier sources instead of running the stage.
        must_run = changed or (_EXTRACT in stale and _has_run_cache(paths.project))
        forced = qualify_targets(pipeline, [_EXTRACT]) if must_run else []
        repro = Repro(paths.project, targets, options.force, forced)
        is_model_checked = is_checked and _trains(options.stages)
        model = check_model_beside(recipe, params, folder / f"check-{recipe.name}.json")
        with keep_ignored_outputs(paths.project), model if is_model_checked else nullcontext() as check:
            code = _run_stages(paths, repro, environment, options, check)
        if not code and (_EXTRACT in stale or options.force):
            sources.remember()
        return code


def _find_stale_stages(paths: Paths, targets: Sequence[str], sources: SourceChanges) -> tuple[list[str], bool]:
    """The stages to run, and whether the only reason to run the extract is that a source has changed."""
    stale = stale_stages(paths.project, targets)
    changed = [] if _EXTRACT in stale else sources.find()
    if changed:
        note(f"changed since the last extract: {', '.join(changed)}")
        stale = [_EXTRACT, *stale]
    return stale, bool(changed)


def _check_output_folders(paths: Paths) -> None:
    """Refuse folders that hold files of others: DVC removes the outputs of a stage before it runs."""
    from firelib.dataset_store import check_dataset_folder  # with NumPy, which a run with nothing to do does not need
    from firelib.train.driver.publish import check_model_folder

    check_dataset_folder(paths)
    check_model_folder(paths)


def _trains(stages: Sequence[str]) -> bool:
    return _evaluates(stages) or "train" in stages


def _evaluates(stages: Sequence[str]) -> bool:
    return not stages or "evaluate" in stages


def _run_stages(
    paths: Paths, repro: Repro, environment: Environment, options: RunOptions, check: ModelCheck | None = None
) -> int:
    repro = replace(repro, watch=check.watch if check else None)
    before = _modified_at(paths.test_metrics)
    if environment.sends_stages:  # each stage submits itself as a job
        code = repro.run({})
    else:
        with ray_session(environment, debug=options.debug, exit_on_loss=True) as address:
            code = repro.run({"RAY_ADDRESS": address, "RAY_AUTH_MODE": "token"})
    if check and code:
        check.require_none()
    elif check:
        check.accept()
    if code == StoppedError.exit_code:
        note("stopped: run the same command again to resume")
    elif code:
        note("failed: finished stages are kept; fix the problem above and run the same command again")
    elif _modified_at(paths.test_metrics) != before:
        show_output_paths(paths)  # the evaluation has just printed the metrics
    elif _evaluates(options.stages):
        show_results(paths)
    else:  # the metrics are those of an earlier model, or of earlier data
        note("done; next: firelib run, which trains and evaluates what has changed")
    return code


def qualify_targets(pipeline: Path, stages: Sequence[str]) -> list[str]:
    """Convert stage names to DVC targets that are valid in any working directory.

    Args:
        pipeline: The dvc.yaml that defines the stages.
        stages: Names of stages.

    Returns:
        Targets such as `/…/pipelines/mine/dvc.yaml:train`; the path of the file itself if `stages` is empty.

    Raises:
        FirelibError: dvc.yaml has no stage of a name.
    """
    _refuse_unknown(stages, pipeline)
    file = str(pipeline.absolute())
    return [f"{file}:{stage}" for stage in stages] or [file]


def _refuse_unknown(stages: Sequence[str], pipeline: Path) -> None:
    """Refuse names of stages that dvc.yaml does not have. What else is wrong with the file, DVC says."""
    try:
        known = list(yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return
    unknown = [stage for stage in stages if stage.partition("@")[0] not in known]  # `@` names one of `foreach`
    if unknown:
        what = "\n".join(f"there is no stage {stage!r}" for stage in unknown)
        remedy = did_you_mean(unknown[0], known)
        raise FirelibError(what, where=str(pipeline), remedy=remedy)


def stale_stages(project: Path, targets: Sequence[str]) -> list[str]:
    """Find the stages whose dependencies, outputs or parameters have changed; DVC also runs their dependents.

    Args:
        project: The project's folder.
        targets: DVC targets.

    Returns:
        Names of the stages of the targets, and of those that they depend on, in the order of dvc.yaml.

    Raises:
        FirelibError: The folder is not a DVC project, dvc.yaml is invalid, or another DVC command uses the same files.
    """
    from dvc.repo import Repo, lock_repo

    # DVC forgets all files that it has parsed where it takes or releases the lock: hold it for both questions.
    with _translate_errors(project), Repo(str(project), _wait_for_lock=True) as repo, lock_repo(repo):
        changed = repo.status(targets=list(targets), with_deps=True)
        return [stage.name for stage in repo.index.stages if stage.addressing in changed]


def _find_dvc_folder(project: Path) -> Path:
    """Find the folder in which DVC keeps its locks."""
    from dvc.repo import Repo

    with _translate_errors(project):
        return Path(Repo.find_root(str(project)), Repo.DVC_DIR, "tmp")


def _has_run_cache(project: Path) -> bool:
    from dvc.repo import Repo

    with _translate_errors(project), Repo(str(project)) as repo:
        return Path(repo.stage_cache.cache_dir).is_dir()


@contextmanager
def _translate_errors(project: Path) -> Iterator[None]:
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.rwlock import RWLockFileCorruptedError

    try:
        yield
    except LockError as error:
        raise FirelibError(
            f"DVC: {error}", where=str(project), remedy="wait until the other command ends, or stop it"
        ) from error
    except RWLockFileCorruptedError as error:  # DVC was killed while it wrote the file
        raise FirelibError(
            f"DVC: {error}", where=str(project), remedy="remove .dvc/tmp/rwlock, if no other DVC command is running"
        ) from error
    except DvcException as error:
        remedy = "check dvc.yaml and dvc.lock; outside of git: dvc init --no-scm"
        raise _find_conflict(project) or FirelibError(f"DVC: {error}", where=str(project), remedy=remedy) from error


def _find_conflict(project: Path) -> MergeConflictError | None:
    """The first file of DVC that a merge has left with both sides."""
    folders = (project, *project.glob(f"{PIPELINES}/*"))
    files = [folder / name for folder in folders for name in ("dvc.yaml", "dvc.lock")]
    for file in filter(Path.is_file, files):
        if found := find_merge_conflict(file.read_bytes(), str(file)):
            return found
    return None


def _modified_at(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.is_file() else None
