"""The text of a new dvc.yaml."""

from collections.abc import Iterator, Sequence

import yaml

from firelib.dvc_pipeline.stage_plan import Stage

_ABOVE = "# Each arrow of the flow is a stage. `firelib run` brings them up to date; `firelib sync` follows the recipe."
_EQUAL_WEIGHTS = "equal weights are equal models; the other files carry times"


def render_pipeline(stages: Sequence[Stage], name: str, wdir: str = "", params_file: str = "") -> str:
    """Render the stages, and the curves for `dvc plots show`.

    Args:
        stages: The stages.
        name: Name of the recipe.
        wdir: The project's folder from that of the file; empty if it is the same.
        params_file: Path of params.yaml from the project, if it is not the project's own.
    """
    blocks = ["\n".join(_render_stage(stage, wdir, params_file)) for stage in stages]
    return f"{_ABOVE}\nstages:\n" + "\n\n".join(blocks) + "\n\n" + "\n".join(_render_curves(name, wdir)) + "\n"


def _render_stage(stage: Stage, wdir: str, params_file: str) -> Iterator[str]:
    yield f"  {stage.name}:"
    yield f"    desc: {_quote(stage.desc)}"
    if wdir:
        yield f"    wdir: {wdir}"
    yield f"    cmd: {_quote(stage.cmd)}"
    yield "    deps:"
    for path in stage.deps:
        yield f"      - {_quote(path)}" + (f" # {_EQUAL_WEIGHTS}" if path.endswith("/weights.json") else "")
    if stage.params:
        yield "    params:"
    if stage.params and params_file:
        yield f"      - {_quote(params_file)}:"
    yield from (f"{'          ' if params_file else '      '}- {name}" for name in stage.params)
    if stage.outs or stage.files:
        yield "    outs:"
        yield from (f"      - {_quote(path)}" for path in stage.outs)
        yield from (f"      - {_quote(path)}: {{cache: false}}" for path in stage.files)
    for key, paths in (("metrics", stage.metrics), ("plots", stage.plots)):
        if paths:
            yield f"    {key}:"
            yield from (f"      - {_quote(path)}: {{cache: false}}" for path in paths)


def _render_curves(name: str, wdir: str) -> Iterator[str]:
    folder = f"{wdir}/plots/{name}" if wdir else f"plots/{name}"
    yield "plots:"
    for title, x, file, y in (
        ("Training loss", "step", "training.csv", "loss"),
        ("Validation loss", "epoch", "validation.csv", "val_loss"),
    ):
        yield f"  - {title}:"
        yield f"      x: {x}"
        yield "      y:"
        yield f"        {_quote(f'{folder}/{file}')}: {y}"


def _quote(text: str) -> str:
    """A YAML scalar: quoted where it must be."""
    return (
        yaml.safe_dump(text, width=10**6, allow_unicode=True, default_flow_style=True).removesuffix("\n...\n").strip()
    )
