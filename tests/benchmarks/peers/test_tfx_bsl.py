"""The process of tfx-bsl, without tfx-bsl; tests/tfrecord/test_interop.py has the real one."""

import sys
from pathlib import Path

import pytest

from benchmarks.peers import environment, tfx_bsl
from benchmarks.peers.environment import PeerEnvironment


def test_an_environment_that_cannot_be_created_fails_with_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "FOLDER", tmp_path)
    broken = PeerEnvironment("broken tfx-bsl", (("--no-index", "./no-such-folder"),))
    monkeypatch.setattr(tfx_bsl, "TFX_BSL", broken)
    with tfx_bsl.TfxBsl() as process, pytest.raises(RuntimeError, match="no-such-folder"):
        process.load(tmp_path / "rows.arrow")


def test_a_process_that_ends_tells_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PeerEnvironment, "python", lambda _: Path(sys.executable))
    script = tmp_path / "ends.py"
    script.write_text("input(); raise SystemExit('no memory')")
    monkeypatch.setattr(tfx_bsl, "SCRIPT", script)
    with tfx_bsl.TfxBsl() as process, pytest.raises(RuntimeError, match="no memory"):
        process.load(tmp_path / "rows.arrow")


def test_a_process_that_is_started_before_tells_its_error_with_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "FOLDER", tmp_path)
    monkeypatch.setattr(tfx_bsl, "TFX_BSL", PeerEnvironment("broken early", (("--no-index", "./no-such-folder"),)))
    with tfx_bsl.TfxBsl() as process:
        process.start()
        with pytest.raises(RuntimeError, match="no-such-folder"):
            process.load(tmp_path / "rows.arrow")
