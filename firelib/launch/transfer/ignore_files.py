"""Nested ignore files, such as the .gitignore and .rayignore files of a project and its subfolders."""

from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec


def parse_patterns(path: Path) -> GitIgnoreSpec:
    """Read a file of gitignore patterns; a missing file has none."""
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape") if path.is_file() else ""
    return GitIgnoreSpec.from_lines(text.split("\n"))


def one_line(path: str) -> str:
    """Return a path that patterns can match: in a regular expression, `.` matches everything but a line break."""
    return path.replace("\n", "\r")


class IgnoreFiles:
    """The rules of all ignore files of one name in a folder and its subfolders.

    As in git, the rules of a deeper folder take precedence, and nothing in an ignored folder can be included again.

    Args:
        root: The uppermost folder.
        name: Name of the ignore files, such as `.gitignore`.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self._rules: dict[str, GitIgnoreSpec] = {}
        self._folders: dict[str, bool] = {".": False}

    def ignores(self, path: str) -> bool:
        """Whether a file, or a folder above it, is ignored.

        Args:
            path: The file, relative to the root.
        """
        return self.ignores_folder(str(PurePosixPath(path).parent)) or self._match(path)

    def ignores_folder(self, folder: str) -> bool:
        """Whether a folder, or one above it, is ignored.

        Args:
            folder: The folder, relative to the root; `.` is the root itself.
        """
        if folder not in self._folders:
            above = str(PurePosixPath(folder).parent)
            self._folders[folder] = self.ignores_folder(above) or self._match(f"{folder}/")
        return self._folders[folder]

    def _match(self, path: str) -> bool:
        """Whether the deepest rule for a path ignores it."""
        for folder in map(str, PurePosixPath(path).parents):
            relative = path if folder == "." else path[len(folder) + 1 :]
            verdict = self._rules_in(folder).check_file(one_line(relative)).include
            if verdict is not None:
                return verdict
        return False

    def _rules_in(self, folder: str) -> GitIgnoreSpec:
        if folder not in self._rules:
            self._rules[folder] = parse_patterns(self._root / folder / self._name)
        return self._rules[folder]
