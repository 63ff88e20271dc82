"""The files of a report: of a finished project, of one that never ran, of one with hostile content."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from firelib import storage
from firelib.report.collect import collect
from firelib.report.content import Block, Picture, Report, Section, Table, Text
from firelib.report.hide import map_texts
from firelib.report.model_card import render_model_card
from firelib.report.project import ReportedProject
from firelib.report.render import MOST_BYTES, render_html
from firelib.report.write import write_report
from tests.errors import refused
from tests.report.finished import OUT, RUN, again, fresh_project, move_shards

DELIVERABLES = [
    "Containers",
    "Machines and environments",
    "Pipeline with versions",
    "Distributed computing and storage",
    "Training workflows",
]
VOID = {"meta", "link", "img", "br", "hr", "input"}
HOSTILE = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """The structure of a page; an element that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("h2", "h3"):
            self.headings.append(data)
        if self._open and self._open[-1] != "style":
            self.text.append(data)

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(pristine: ReportedProject) -> Path:
    return pristine.folder / OUT


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text())


def test_headings_follow_the_deliverables(page: Page) -> None:
    positions = [page.headings.index(heading) for heading in ["Project", *DELIVERABLES, "Reproduce"]]
    assert positions == sorted(positions)


def test_content_is_that_of_the_project(page: Page) -> None:
    words = "\n".join(page.text)
    shown = [RUN, "0.7500", "class prior", "cancelled", "restart 1", "day=4", "tiny-0123456789ab", "1,234"]
    assert [word for word in shown if word not in words] == []


def test_nothing_is_requested_and_nothing_runs(page: Page, folder: Path) -> None:
    assert page.find("script") == []
    links = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert [link for link in links if not str(link).startswith(("#", "data:"))] == []
    assert "url(" not in (folder / "report.html").read_text().replace("url(#tip)", "")
    assert (folder / "report.html").stat().st_size < MOST_BYTES


def test_drawings_and_pictures_have_a_text(page: Page) -> None:
    drawings = page.find("svg")
    assert len(drawings) >= 3
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)
    assert all(picture["alt"] for picture in page.find("img"))


def test_anchors_of_the_contents_exist_once(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in page.find("a")} <= set(ids)


def test_no_path_of_this_machine_is_shown(folder: Path, pristine: ReportedProject) -> None:
    for file in folder.iterdir():
        assert str(pristine.folder) not in file.read_text(), file.name


def test_two_reports_have_the_same_bytes(pristine: ReportedProject, folder: Path) -> None:
    write_report(again(pristine), pristine.folder / "second")
    for file in folder.iterdir():
        assert file.read_bytes() == (pristine.folder / "second" / file.name).read_bytes(), file.name


def test_what_is_missing_is_listed_with_what_makes_it(pristine: ReportedProject, page: Page) -> None:
    missing = {block.what: block.remedy for _, block in collect(pristine).missing}
    assert any("W&B" in what for what in missing)
    words = "\n".join(page.text)
    assert all(what in words for what in missing)


def test_a_project_that_never_ran_says_what_to_run(tmp_path: Path) -> None:
    project = fresh_project(tmp_path)
    missing = write_report(project, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["evidence.json", "report.html"]
    assert ("Project", "firelib run") in [(section, block.remedy) for section, block in missing]
    assert json.loads((tmp_path / "out" / "evidence.json").read_text())["run"] is None


def test_missing_metrics_are_named(project: ReportedProject) -> None:
    project.paths.test_metrics.unlink()
    missing = [block.what for _, block in collect(again(project)).missing]
    assert any("metrics/tiny/test.json" in what for what in missing)


def test_damaged_files_are_shown_as_missing(project: ReportedProject) -> None:
    for file in (project.paths.manifest, project.paths.lake_json, project.paths.plots / "training.csv"):
        file.write_text("{")
    for file in (project.paths.model / "timing.json", project.paths.metrics / "train.json"):
        file.write_text("[]")
    report = collect(again(project))
    damaged = {section for section, block in report.missing if "cannot be read" in block.what}
    assert {"Data versions and differences", "Dataset", "Storage", "Time and metrics of the training"} <= damaged
    Page(render_html(report))


DAMAGED = {
    "models/tiny/lineage.json": "[]",
    "models/tiny/weights.json": "[]",
    "dvc.lock": "<<<<<<< HEAD\nstages:\n=======\n",
    "data/tiny/tfrecords/manifest.json": "[]",
    "data/tiny/lake.json": "[]",
    "metrics/tiny/test.json": "[]",
    ".firelib/jobs/old.json": '{"of": "another version"}',
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_leaves_a_report(project: ReportedProject, name: str) -> None:
    storage.write_bytes(str(project.folder / name), DAMAGED[name].encode())
    folder = project.folder / OUT
    missing = [block.what for _, block in write_report(again(project), folder)]
    files = json.loads((folder / "evidence.json").read_text())["files"]
    assert files == {file.name: storage.sha256_file(file) for file in folder.iterdir() if file.name != "evidence.json"}
    assert ("model_card.md" in files) == ("lineage" not in name)
    assert ("croissant.json" in files) == ("manifest" not in name)
    damaged = [what for what in missing if "cannot be read" in what or "is not written" in what]
    assert damaged or "weights" in name
    Page((folder / "report.html").read_text())


@pytest.mark.parametrize("name", ["report.html", "croissant.json", "model_card.md", "evidence.json"])
def test_files_that_are_not_of_firelib_stay(pristine: ReportedProject, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with refused(what=name, where=tmp_path):
        write_report(again(pristine), tmp_path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "{}")]


def test_a_model_card_by_hand_stays_beside_an_earlier_report(project: ReportedProject) -> None:
    (project.paths.model / "lineage.json").unlink()
    folder = project.folder / OUT
    write_report(again(project), folder)
    assert not (folder / "model_card.md").exists()
    (folder / "model_card.md").write_text("by hand")
    with refused(what="model_card.md"):
        write_report(again(project), folder)
    assert (folder / "model_card.md").read_text() == "by hand"


def test_the_dataset_of_another_machine(project: ReportedProject) -> None:
    shards, folder = move_shards(project), project.folder / OUT
    write_report(again(project), folder)
    croissant = json.loads((folder / "croissant.json").read_text())
    urls = [folder / file["contentUrl"] for file in croissant["distribution"] if "contentUrl" in file]
    assert {url.resolve() for url in urls} > {file.resolve() for file in shards.glob("*.tfrecord")}
    shutil.rmtree(shards)
    missing = [block.what for _, block in write_report(again(project), folder)]
    assert any("croissant.json is not written" in what for what in missing)
    assert "croissant.json is not written" in (folder / "report.html").read_text()


def test_values_do_not_break_the_tables_of_the_model_card(project: ReportedProject) -> None:
    file = str(project.paths.model / "lineage.json")
    values = {"name": "a|b\n| c |", "html": "<b>", "file": f"{project.folder.absolute()}/x"}
    storage.write_bytes(file, storage.to_json({**storage.read_json(file), "params": {"model": values}}))
    text = render_model_card(again(project))
    assert "| model.name | a\\|b \\| c \\| |\n" in text
    assert "| model.file | x |\n" in text
    assert "<b>" not in text


def test_paths_outside_of_the_project_are_shown_by_their_name(pristine: ReportedProject) -> None:
    folder = pristine.folder.absolute()
    for path, shown in {
        f"{folder}/a/b": "a/b",
        f"file://{folder}/a/b": "a/b",
        "/mnt/data/rows.csv": "…/rows.csv",
        "/mnt/data/": "…/data/",
        "file:///mnt/rows.csv": "…/rows.csv",
        f"{folder}/a, /mnt/b, s3://bucket/c": "a, …/b, s3://bucket/c",
        "s3://bucket/folder/rows.csv": "s3://bucket/folder/rows.csv",
        "data/rows.csv": "data/rows.csv",
    }.items():
        assert pristine.shown(path) == shown


def test_the_folder_is_hidden_in_texts_alone(pristine: ReportedProject) -> None:
    folder = pristine.folder.absolute()
    picture = f"data:image/png;base64,{folder}/x"
    blocks: list[Block] = [Text(f"read {folder}/a&b, not /x{folder}/c"), Picture(picture, f"{folder}/alt", "")]
    section = map_texts(Section("Files", blocks), pristine.hide_folder)
    assert section.blocks == [Text(f"read a&b, not /x{folder}/c"), Picture(picture, "alt", "")]
    root = replace(pristine, paths=replace(pristine.paths, project=Path("/")))
    assert root.hide_folder("http://host/a /b") == "http://host/a /b"


def test_remedies_name_the_recipe_of_its_own_pipeline(tmp_path: Path) -> None:
    project = replace(fresh_project(tmp_path), pipeline=tmp_path / "pipelines" / "tiny" / "dvc.yaml")
    stages = ("firelib extract", "firelib transform", "firelib train", "firelib evaluate")
    remedies = [block.remedy for _, block in collect(project).missing if block.remedy.startswith(stages)]
    assert len(remedies) >= 4
    assert [remedy for remedy in remedies if "--recipe tiny" not in remedy] == []


def test_hostile_names_are_shown_as_text(project: ReportedProject) -> None:
    lineage = storage.read_json(str(project.paths.model / "lineage.json"))
    lineage["packages"] = {HOSTILE: HOSTILE}
    lineage["data"]["run"] = "../../../etc"
    storage.write_bytes(str(project.paths.model / "lineage.json"), storage.to_json(lineage))
    storage.write_bytes(str(project.paths.test_metrics), storage.to_json({HOSTILE: 0.5}))
    results = project.folder / "benchmarks" / "results"
    case = {"title": HOSTILE, "unit": HOSTILE, "bars": [{"name": HOSTILE, "value": 1, "low": 1, "high": 2}]}
    storage.write_bytes(str(results / "odd.json"), storage.to_json({"name": HOSTILE, "cases": [case]}))
    write_report(again(project), project.folder / OUT)
    text = (project.folder / OUT / "report.html").read_text()
    assert Page(text).find("script") == []
    assert text.count("&lt;script&gt;") >= 4


def test_a_report_that_is_too_large_is_refused() -> None:
    rows = [["x" * 50_000] for _ in range(60)]
    with refused(what="2,000,000", remedy="benchmarks/results"):
        render_html(Report("big", "", [Section("Rows", [Table("Rows", ["a"], rows)])]))


def test_a_long_table_counts_the_rows_that_it_hides() -> None:
    text = render_html(Report("long", "", [Section("Rows", [Table("Rows", ["a"], [[str(n)] for n in range(300)])])]))
    assert "100 more rows" in text
    assert '<td class="number">199</td>' in text


STYLE = (Path(storage.__file__).parents[1] / "report/templates/style.css").read_text()
THEMES = {
    "light": re.search(r":root \{ color-scheme.*?\}", STYLE, re.DOTALL),
    "dark": re.search(r"prefers-color-scheme: dark\) \{(.*?)\}", STYLE, re.DOTALL),
    "print": re.search(r"@media print \{(.*?)\}", STYLE, re.DOTALL),
}


@pytest.mark.parametrize("theme", THEMES)
def test_contrast_is_that_of_wcag_aa(theme: str) -> None:
    found = THEMES[theme]
    assert found
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", found[0]))
    texts = [("text", "back"), ("text", "soft"), ("muted", "back"), ("muted", "soft"), ("link", "back")]
    for front, back in [*texts, ("warn-text", "warn-back")]:
        assert contrast(colours[front], colours[back]) >= 4.5, (front, back)
    for curve in ("c1", "c2", "c3", "c4"):
        assert contrast(colours[curve], colours["back"]) >= 3, curve


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2.1."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
