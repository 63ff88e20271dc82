"""A log that another machine writes."""

from firelib.launch.backends.slurm.log_reader import read_log


def test_a_log_is_read_from_its_beginning_each_time(tmp_path):
    log = tmp_path / "log"
    assert list(read_log(log, lambda: False, follow=False)) == []
    log.write_bytes("line ä\n".encode())
    for _ in range(2):
        assert "".join(read_log(log, lambda: False, follow=False)) == "line ä\n"


def test_what_is_written_until_the_end_is_read(tmp_path):
    """A character whose bytes arrive one by one stays one character."""
    log, parts = tmp_path / "log", [b"first \xc3", b"\xa4 last\n"]

    def is_over() -> bool:
        with log.open("ab") as file:
            file.write(parts.pop(0))
        return not parts

    assert "".join(read_log(log, is_over, follow=True)) == "first ä last\n"
