"""The files around a recipe: parameters, Makefile, packages, a test, images, and what git and DVC ignore."""

from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template

from firelib.launch.transfer.secret_names import SECRET_NAMES
from firelib.recipe import TaskKind
from firelib.scaffold.draft import Draft
from firelib.scaffold.requirement import firelib_requirement
from firelib.scaffold.split.plan import SplitPlan

#: File of the project → its template.
_FILES = {
    "params.yaml": "params.yaml",
    ".gitignore": "gitignore",
    ".dvcignore": "dvcignore",
    ".rayignore": "rayignore",
    "Makefile": "Makefile",
    "pyproject.toml": "pyproject.toml",
    "tests/test_recipe.py": "test_recipe.py",
    "images/Dockerfile": "Dockerfile",
    "images/Dockerfile.dockerignore": "dockerignore",
    "images/requirements.py": "requirements.py",
    "images/build": "build",
    "images/push": "push",
    "README.md": "README.md",
}
#: All files of a project, beside its data.
FILES = ("recipe.py", "dvc.yaml", *_FILES)
EXECUTABLE = ("images/build", "images/push")
_MEANINGS = ("shares of the rows", "shares of the groups")
_STEPS = 3000  # of training, about
_RARE = 0.1  # share of the rarest class below which classes are weighted


def render_files(
    draft: Draft,
    split: SplitPlan,
    guesses: Sequence[str],
    class_shares: Mapping[str, float],
    extras: tuple[str, ...],
    has_raw: bool,
) -> dict[str, str]:
    """Render all files of a project but recipe.py and dvc.yaml.

    Args:
        draft: The recipe.
        split: The division of the rows.
        guesses: What was guessed, a line each.
        class_shares: Class → share of the rows; empty if the label is no class.
        extras: Extras of firelib that the source needs.
        has_raw: Whether the data were copied into raw/.

    Returns:
        Path in the project → text.
    """
    values = {
        **_train_values(draft, class_shares),
        "split": split.render(),
        "split_meaning": "where validation and test begin" if draft.split_time else _MEANINGS[bool(draft.split_by)],
        "name": draft.name,
        "project": draft.name.replace("_", "-"),
        "image": draft.name.replace("_", "-"),
        "firelib": f'"{firelib_requirement(extras)}"',
        "secrets": "\n".join(SECRET_NAMES),
        "summary": f"Predicts {', '.join(draft.label.columns)}: {draft.label.task}, with "
        "[firelib](https://pypi.org/project/firelib/).",
        "guesses": "\n".join(f"- {line}" for line in guesses),
        "raw": "| `raw/` | the data; for large data, `dvc add` keeps them out of git |\n" if has_raw else "",
    }
    folder = resources.files("firelib.scaffold") / "templates"
    return {
        path: Template((folder / f"{template}.txt").read_text(encoding="utf-8")).substitute(values)
        for path, template in _FILES.items()
    }


def _train_values(draft: Draft, class_shares: Mapping[str, float]) -> dict[str, object]:
    """Batch size, epochs and learning rate that suit the number of rows."""
    batch = next(
        size for rows, size in ((5_000, 32), (50_000, 128), (500_000, 512), (float("inf"), 2048)) if draft.rows <= rows
    )
    steps = max(1, draft.rows // batch)
    is_rare = (
        draft.label.task in (TaskKind.BINARY, TaskKind.MULTICLASS) and min(class_shares.values(), default=1) < _RARE
    )
    weights = "class_weights: balanced" if is_rare else "# class_weights: balanced"
    return {
        "batch": batch,
        "epochs": min(40, max(3, _STEPS // steps)),
        "lr": 0.001,
        "tuned": "dense: {choice: [64, 128]}" if draft.picture else "hidden: {choice: [[64], [128, 64], [256, 128]]}",
        "workers": 1 if draft.rows < 200_000 else 2,
        "class_weights": f"  {weights}   # rows of rare classes count more; probabilities are no shares then\n",
    }
