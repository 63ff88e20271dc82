"""dvc.yaml and the stages that a recipe needs: compare both, and bring the file into step."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from firelib import storage
from firelib.config import Params
from firelib.config.section import Section
from firelib.config.yaml_file import read_yaml_mapping
from firelib.data.sources.extras import require_extra
from firelib.dvc_pipeline.dvc_text import render_pipeline
from firelib.dvc_pipeline.own_dependencies import comes_from_nowhere, find_earlier_sources
from firelib.dvc_pipeline.stage_plan import Stage, plan_stages, to_mapping
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe

_LISTS = ("deps", "params", "outs", "metrics", "plots")
_OUTPUTS = ("outs", "metrics", "plots")
_OURS = re.compile(
    r"(data/[^/]+/(lake\.json|tfrecords|rejected\.parquet)|models/[^/]+(/weights\.json)?|(metrics|plots)/.+)"
)
_OUR_DEPS = re.compile(
    r"(data/[^/]+/(lake\.json|tfrecords)|models/[^/]+(/weights\.json)?|plots/[^/]+/(training|validation)\.csv)"
)
_ORDER = ("desc", "wdir", "cmd", *_LISTS)


@dataclass(frozen=True)
class Difference:
    """A difference between dvc.yaml and the stages that the recipe needs.

    Attributes:
        stage: Name of the stage.
        key: The part of the stage, such as `deps`; empty if the stage is missing.
        add: The entry that is missing, or None.
        remove: The entry that is too much, or None.
    """

    stage: str
    key: str
    add: str | None = None
    remove: str | None = None

    @property
    def fails(self) -> bool:
        """Whether `dvc repro` would fail at this stage: it expects an output or a parameter that does not exist."""
        return self.key in (*_OUTPUTS, "params") and self.remove is not None

    def __str__(self) -> str:
        if not self.key:
            return f"{self.stage}: the stage is missing"
        if self.key == "cmd":
            return f"{self.stage}: cmd: expected {self.add!r}, got {self.remove!r}"
        change = f"{self.add} is missing" if self.add is not None else f"{self.remove} is not needed"
        lacking = f"{'not in params.yaml' if self.key == 'params' else 'not written'}: {self.remove}"
        return f"{self.stage}: {self.key}: {lacking if self.fails else change}"

    def describe_change(self) -> str:
        """What `firelib sync` does about it."""
        if not self.key:
            return f"{self.stage}: added the stage"
        if self.key == "cmd":
            return f"{self.stage}: cmd: {self.remove} -> {self.add}"
        return f"{self.stage}: {self.key}: " + (f"- {self.remove}" if self.add is None else f"+ {self.add}")


class DvcFile:
    """The dvc.yaml of a recipe's pipeline.

    Args:
        recipe: The recipe.
        params: Its parameters.
        paths: Names the project's folder.
        pipeline: The file; in another folder than the project's, its stages set `wdir`.
    """

    def __init__(self, recipe: Recipe, params: Params, paths: Paths, pipeline: Path) -> None:
        self._file, self._name, self._project = pipeline, recipe.name, paths.project.absolute()
        folder = pipeline.absolute().parent
        self._wdir = "" if folder == self._project else "/".join([".."] * len(folder.relative_to(self._project).parts))
        self._params_file = (folder / "params.yaml").relative_to(self._project).as_posix() if self._wdir else ""
        option = f"--recipe {recipe.name}" if self._wdir else ""
        self._params = params
        self._stages = plan_stages(recipe, params, self._project, option)
        self._earlier = find_earlier_sources(paths.lake_json, self._project)

    def render(self) -> str:
        """The text of a new file."""
        return render_pipeline(self._stages, self._name, self._wdir, self._params_file)

    def compare(self) -> list[Difference]:
        """Compare the file with the stages that the recipe needs.

        Additional stages, dependencies, parameters and outputs of the user's own are no differences. A dependency is
        too much if it is one that firelib writes for another stage or recipe, if it is a source that the recipe had at
        the last extract, or if DVC fails since it is missing: nothing writes it.

        Raises:
            FirelibError: The file cannot be read, or is no pipeline.
        """
        return self._compare(self._read().get("stages") or {})

    def sync(self) -> list[Difference]:
        """Bring the file into step. Comments, and stages and keys of the user's own, stay.

        Returns:
            What has changed; empty if the file was in step.

        Raises:
            FirelibError: The file cannot be read or written, or the edited file would not say what it should.
        """
        if not self._file.exists():
            storage.write_bytes(str(self._file), self.render().encode())
            return [Difference(stage.name, "") for stage in self._stages]
        found = self.compare()
        if found:
            edited = self._edit(found)
            if remaining := self._compare(yaml.safe_load(edited)["stages"]):
                raise FirelibError(
                    f"cannot bring {self._file.name} into step: " + "; ".join(map(str, remaining)),
                    where=str(self._file),
                    remedy=f"edit it, or remove it and run {self._sync}, which writes a new one; it is unchanged",
                )
            storage.write_bytes(str(self._file), edited.encode())
        return found

    def _compare(self, stages: Mapping[str, Any]) -> list[Difference]:
        return [each for stage in self._stages for each in self._compare_stage(stage, stages)]

    @property
    def _sync(self) -> str:
        return "firelib sync" + (f" --recipe {self._name}" if self._wdir else "")

    def _read(self) -> dict[Any, Any]:
        content = read_yaml_mapping(
            self._file, if_missing=f"run {self._sync}, which writes it", if_no_mapping=f"remove it and run {self._sync}"
        )
        if not isinstance(content.get("stages") or {}, dict):
            raise FirelibError(
                f"expected a mapping of stages, got {type(content['stages']).__name__}",
                where=str(self._file),
                remedy=f"remove the file and run {self._sync}, which writes a new one",
            )
        return content

    def _compare_stage(self, stage: Stage, stages: Mapping[str, Any]) -> Iterator[Difference]:
        actual = stages.get(stage.name)
        if not isinstance(actual, Mapping):
            yield Difference(stage.name, "")
            return
        wanted, is_plain = to_mapping(stage, self._params_file), _is_plain(str(actual.get("cmd")))
        if str(actual.get("cmd")).split() != stage.cmd.split() and is_plain:
            yield Difference(stage.name, "cmd", add=stage.cmd, remove=str(actual.get("cmd")))
        declared = {path for key in _OUTPUTS for path in _paths(actual.get(key))}
        for key in _LISTS:
            needed, there = self._entries(wanted, key), self._entries(actual, key)
            present = declared if key in _OUTPUTS else {part for path in there for part in (path, path.split(".")[0])}
            present = set(there) if key == "deps" else present
            for path in needed:
                if path not in present:
                    yield Difference(stage.name, key, add=path)
            for path in there if is_plain else []:  # a command of the user's own may write more
                if self._is_superfluous(stage, key, path, stages):
                    yield Difference(stage.name, key, remove=path)

    def _entries(self, stage: Mapping[str, Any], key: str) -> list[str]:
        """Paths in a list of a stage; of parameters, the names in params.yaml, not those in other files."""
        entries = stage.get(key) or []
        if key == "params":
            file = self._params_file or "params.yaml"
            entries = [entry for entry in entries if (file in entry if isinstance(entry, Mapping) else not self._wdir)]
        return _paths(entries)

    def _is_superfluous(self, stage: Stage, key: str, path: str, stages: Mapping[str, Any]) -> bool:
        if key == "params":
            return not _is_set(path, self._params)
        if key in _OUTPUTS:
            return path not in stage.outputs and bool(_OURS.fullmatch(path))
        if path in stage.deps:
            return False
        if _OUR_DEPS.fullmatch(path) or (stage.name == "extract" and path in self._earlier):
            return True
        return comes_from_nowhere(path, stages, self._project)

    def _edit(self, differences: Sequence[Difference]) -> str:
        require_extra("ruamel.yaml", "pipeline", "firelib sync")
        from ruamel.yaml import YAML

        editor = YAML()  # its round-trip mode keeps comments and order
        editor.preserve_quotes, editor.width = True, 4096
        editor.indent(mapping=2, sequence=4, offset=2)
        content = editor.load(self._file.read_text(encoding="utf-8"))
        if content.get("stages") is None:
            content["stages"] = {}
        for each in differences:
            self._apply(each, content["stages"])
        stream = io.StringIO()
        editor.dump(content, stream)
        return stream.getvalue()

    def _apply(self, difference: Difference, stages: Any) -> None:
        stage = next(stage for stage in self._stages if stage.name == difference.stage)
        wanted = dict(to_mapping(stage, self._params_file))
        if self._wdir:
            wanted["wdir"] = self._wdir
        if not difference.key:
            stages[stage.name] = {key: wanted[key] for key in _ORDER if key in wanted}
        elif difference.key == "cmd":
            stages[stage.name]["cmd"] = stage.cmd
        elif difference.remove is not None:
            _remove(stages[stage.name], difference.key, difference.remove)
        else:
            _append(stages[stage.name], difference.key, wanted[difference.key], str(difference.add))


def _is_plain(command: str) -> bool:
    """Whether a command is one of firelib's stages as it is, not one that the user has wrapped."""
    return command.split()[:1] == ["firelib"]


def _is_set(name: str, params: Params) -> bool:
    """Whether params.yaml has a parameter such as `train.lr`, of one of firelib's sections."""
    section: Any = params
    if name.split(".")[0] not in Params.model_fields:
        return True  # a section of the user's own, which Params does not hold
    for part in name.split("."):
        known = section.model_fields_set if isinstance(section, Section) else section
        if not isinstance(known, set | dict):
            return True  # a part of a value, which is not looked at
        if part not in known:
            return False
        section = getattr(section, part) if isinstance(section, Section) else section[part]
    return True


def _paths(entries: Any) -> list[str]:
    """Paths or names in a list of dvc.yaml, whose entries may be mappings; of params.yaml files, the names in them."""
    found = []
    for entry in entries or []:
        if isinstance(entry, Mapping):
            for name, value in entry.items():
                found += [str(part) for part in value] if isinstance(value, list) else [str(name)]
        else:
            found.append(str(entry))
    return found


def _remove(stage: Any, key: str, path: str) -> None:
    entries = stage[key]
    for index in reversed(range(len(entries))):
        names = next(iter(entries[index].values())) if isinstance(entries[index], Mapping) else None
        if isinstance(names, list) and path in names:
            names.remove(path)
        if names == [] or _paths([entries[index]]) == [path]:
            del entries[index]
    if not entries:
        del stage[key]


def _append(stage: Any, key: str, wanted: Sequence[Any], path: str) -> None:
    """Add an entry as the plan has it; a parameter joins the list of its file."""
    entry = next(entry for entry in wanted if path in _paths([entry]))
    entries = stage.setdefault(key, [])
    if key == "params" and isinstance(entry, Mapping):
        ((file, _),) = entry.items()
        lists = [known[file] for known in entries if isinstance(known, Mapping) and file in known]
        if lists:
            lists[0].append(path)
            return
        entry = {file: [path]}
    entries.append(entry)
