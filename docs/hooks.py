"""Hooks of the documentation site: pages from the root of the repository, and files that pages link to.

Pages link to files of the repository by relative paths, so that links work when the pages are read as plain files.
MkDocs only knows the files below docs/. These hooks add the others to the site and rewrite the links.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
#: Files of the repository that become pages of the site.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_LINK = re.compile(r"(\]\()([^)#:\s]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root, and every file outside docs/ that a page links to.

    Args:
        files: What MkDocs found below docs/.
        config: Of the site.

    Returns:
        The same collection, with more files.
    """
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    for file in list(files.documentation_pages()):
        for path in _repository_paths(file.content_string, _folder(file.src_uri)):
            is_page = path in PAGES or path.startswith("docs/")
            if not is_page and (ROOT / path).is_file() and files.get_file_from_path(path) is None:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite a page's links from paths of the repository to paths of the site.

    Args:
        markdown: The page's text.
        page: The page.
        config: Of the site.
        files: All files of the site.

    Returns:
        The text with other links.
    """
    del config, files
    folder = _folder(page.file.src_uri)

    def rewrite(link: re.Match[str]) -> str:
        before, target, anchor, after = link.groups()
        path = posixpath.normpath(posixpath.join(folder, target))
        return f"{before}{PAGES.get(path, path.removeprefix('docs/'))}{anchor or ''}{after}"

    return _LINK.sub(rewrite, markdown)


def _folder(page: str) -> str:
    """The folder of the repository that a page's links start from."""
    return "" if page in PAGES.values() else "docs"


def _repository_paths(markdown: str, folder: str) -> set[str]:
    return {posixpath.normpath(posixpath.join(folder, link[2])) for link in _LINK.finditer(markdown)}
