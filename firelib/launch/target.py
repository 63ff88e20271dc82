"""The typed settings of a backend, which `--set NAME=VALUE` and environment variables provide."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from firelib.errors import FirelibError, did_you_mean


def setting(
    description: str,
    *,
    example: str,
    default: Any = None,
    pattern: str | None = None,
    required: bool = False,
    variable: str | None = None,
) -> Any:
    """Declare a setting of a `Target`.

    Args:
        description: What the setting means.
        example: A value, or the form of a value; error messages show it.
        default: Value of a setting that is not given. A required setting needs an empty one, so that the other
            settings can be checked while it is missing.
        pattern: Regular expression that a string has to match.
        required: Whether an empty value is refused.
        variable: Environment variable that provides the value if `--set` does not.
    """
    extra: dict[str, Any] = {"example": example, "required": required, "variable": variable}
    return Field(default=default, description=description, pattern=pattern, json_schema_extra=extra)


class Target(BaseModel):
    """Where exactly a backend runs a job. A backend without settings uses this class as it is.

    Example:
        >>> class SlurmTarget(Target):
        ...     partition: str = setting("Slurm partition", example="gpu", default="", required=True)
        >>> SlurmTarget.parse({"partition": "gpu"}).partition
        'gpu'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    #: Settings that concern the training only: the other stages of a whole run do not get them.
    of_training: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, settings: Mapping[str, str]) -> Self:
        """Return the typed settings of a job.

        Raises:
            FirelibError: Settings are unknown, missing or wrong; all of them are named.
        """
        target, problems = cls.parse_with_problems(settings)
        if problems:
            raise FirelibError("\n".join(problems), where="the job's target", remedy="correct --set NAME=VALUE")
        return target

    @classmethod
    def parse_with_problems(cls, settings: Mapping[str, str]) -> tuple[Self, list[str]]:
        """Return the settings that could be parsed (the others have their defaults) and one line for each problem."""
        wrong: dict[str, ErrorDetails] = {}
        try:
            target = cls.model_validate(settings)
        except ValidationError as error:
            wrong = {str(each["loc"][0]) if each["loc"] else "": each for each in error.errors()}
            right = {name: value for name, value in settings.items() if name not in wrong}
            target = cls.model_construct(None, **right) if "" in wrong else cls._validate_rest(right)
        return target, [*map(cls._describe, wrong.values()), *target._find_missing(wrong)]

    @classmethod
    def _validate_rest(cls, settings: Mapping[str, str]) -> Self:
        try:
            return cls.model_validate(settings)
        except ValidationError:  # a setting without a default is among the wrong ones
            return cls.model_construct(None, **settings)

    @classmethod
    def defaults(cls, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the settings that environment variables provide."""
        variables = {name: cls._extra(name)["variable"] for name in cls.model_fields}
        return {name: environ[variable] for name, variable in variables.items() if variable and environ.get(variable)}

    @classmethod
    def _describe(cls, error: ErrorDetails) -> str:
        if not error["loc"]:
            return f"target: {error['msg'].removeprefix('Value error, ')}"
        name = str(error["loc"][0])
        if error["type"] == "extra_forbidden":
            return f"target.{name} is unknown: {did_you_mean(name, cls.model_fields)}"
        if error["type"] == "value_error":
            return f"target.{name}: {error['ctx']['error']}"
        return f"target.{name}: expected {cls._extra(name)['example']}, got {error['input']!r}"

    def _find_missing(self, wrong: Mapping[str, Any]) -> Iterator[str]:
        for name in type(self).model_fields:
            extra = self._extra(name)
            if extra["required"] and name not in wrong and not getattr(self, name, None):
                variable = f", or export {extra['variable']}" if extra["variable"] else ""
                yield f"target.{name} is missing: --set {name}={extra['example']}{variable}"

    @classmethod
    def _extra(cls, name: str) -> dict[str, Any]:
        extra = cls.model_fields[name].json_schema_extra
        return {"example": "another value", "required": False, "variable": None} | (
            extra if isinstance(extra, dict) else {}
        )
