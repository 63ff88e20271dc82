"""A component of a pipeline: what it passes on."""

from pathlib import Path

from firelib import storage
from firelib.launch.runtime.pipeline_component import _upload
from firelib.launch.transfer.output_archive import download_outputs

RECORD = ".firelib/stages/rows/job-train-1-train.json"
MODEL = "models/rows/weights.json"


def test_the_time_of_a_job_that_it_has_sent_does_not_change_the_name_of_its_outputs(tmp_path: Path) -> None:
    folder, root = tmp_path / "component", str(tmp_path / "root")
    names = []
    for seconds in (b"1", b"2"):
        storage.write_bytes(str(folder / MODEL), b"weights")
        storage.write_bytes(str(folder / RECORD), seconds)
        names.append(_upload(folder, {}, root))
    assert names[0] == names[1]
    assert download_outputs(names[0], tmp_path / "next", "evaluate") == [RECORD, MODEL]
    storage.write_bytes(str(folder / MODEL), b"other weights")
    assert _upload(folder, {}, root) != names[0]
