from pathlib import Path

import pytest

from firelib.dvc_pipeline.ignored_outputs import keep_ignored_outputs


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_lines_come_back_after_a_failure(tmp_path):
    data = write(tmp_path / "data/a/.gitignore", "/lake.json\n/tfrecords\n")
    models = write(tmp_path / "models/.gitignore", "/a\n/b\n")

    def fail() -> None:
        with keep_ignored_outputs(tmp_path):
            data.unlink()
            models.write_text("/b\n/c\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert data.read_text() == "/lake.json\n/tfrecords\n"
    assert models.read_text() == "/a\n/b\n/c\n"


def test_files_in_step_are_not_touched(tmp_path):
    data = write(tmp_path / "data/a/.gitignore", "/tfrecords\n")
    before = data.stat().st_mtime_ns
    with keep_ignored_outputs(tmp_path):
        write(tmp_path / "data/b/.gitignore", "/lake.json\n")
    assert data.stat().st_mtime_ns == before
