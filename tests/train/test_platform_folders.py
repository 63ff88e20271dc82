"""Models and event files reach the folders that the platform names."""

import fsspec

from firelib.train.platform_folders import EventMirror, copy_model
from tests import buckets


def test_a_model_is_copied_to_where_the_platform_looks(tmp_path):
    (tmp_path / "saved/variables").mkdir(parents=True)
    (tmp_path / "saved/saved_model.pb").write_text("graph")
    (tmp_path / "saved/variables/variables.index").write_text("index")
    copy_model(tmp_path / "saved", {"AIP_MODEL_DIR": f"{tmp_path}/output/model/"})
    assert (tmp_path / "output/model/saved_model.pb").read_text() == "graph"
    assert (tmp_path / "output/model/variables/variables.index").read_text() == "index"


def test_elsewhere_nothing_is_copied(tmp_path):
    (tmp_path / "events.out").write_text("event")
    copy_model(tmp_path, {})
    EventMirror(str(tmp_path), "run", {}).update()
    assert [path.name for path in tmp_path.iterdir()] == ["events.out"]


def test_event_files_are_copied_while_they_grow(tmp_path):
    folder, copies = tmp_path / "own", tmp_path / "output/logs/flights-1"
    folder.mkdir()
    mirror = EventMirror(str(folder), "flights-1", {"AIP_TENSORBOARD_LOG_DIR": f"{tmp_path}/output/logs/"})
    (folder / "events.1").write_text("one")
    (folder / "other").write_text("no event file")
    mirror.update()
    assert {path.name: path.read_text() for path in copies.iterdir()} == {"events.1": "one"}
    with (folder / "events.1").open("a") as file:
        file.write(", two")
    (folder / "events.2").write_text("attempt 2")
    mirror.update()
    assert {path.name: path.read_text() for path in copies.iterdir()} == {
        "events.1": "one, two",
        "events.2": "attempt 2",
    }


def test_what_has_not_grown_is_not_copied_again(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/events.1").write_text("one")
    mirror = EventMirror(str(tmp_path / "own"), "run", {"AIP_TENSORBOARD_LOG_DIR": str(tmp_path / "logs")})
    mirror.update()
    (tmp_path / "logs/run/events.1").unlink()
    mirror.update()
    assert not (tmp_path / "logs/run/events.1").exists()


def test_models_and_event_files_reach_a_bucket(tmp_path):
    (tmp_path / "saved_model.pb").write_text("graph")
    (tmp_path / "events.1").write_text("one")
    with buckets.gcs() as uri:
        copy_model(tmp_path, {"AIP_MODEL_DIR": f"{uri}/output/model/"})
        EventMirror(str(tmp_path), "flights-1", {"AIP_TENSORBOARD_LOG_DIR": f"{uri}/output/logs/"}).update()
        fs, path = fsspec.core.url_to_fs(uri)
        assert fs.cat(f"{path}/output/model/saved_model.pb") == b"graph"
        assert fs.cat(f"{path}/output/logs/flights-1/events.1") == b"one"
