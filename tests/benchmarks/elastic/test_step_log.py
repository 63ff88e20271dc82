from benchmarks.elastic.step_log import Record, Recovery, count_repeated, find_recovery, read_records, step_seconds


def records(file, workers, begin, first, count, pace=1.0):
    return [Record(begin + index * pace, first + index, workers, file) for index in range(count)]


def by_time(*parts):
    return sorted((record for part in parts for record in part), key=lambda record: record.time)


def test_loss_counts_the_steps_that_are_taken_again():
    found = find_recovery(by_time(records("a", 2, 0, 1, 10), records("b", 1, 30, 7, 10)), at=9.5)
    assert found == Recovery(first_step=20.5, passed=24.5, lost=4, workers=1)


def test_old_workers_may_go_on_after_the_event():
    """A group that grows trains until it stops: nothing is taken again."""
    found = find_recovery(by_time(records("a", 1, 0, 1, 10), records("b", 2, 30, 11, 3)), at=4.5)
    assert found == Recovery(first_step=25.5, passed=25.5, lost=0, workers=2)


def test_recovery_is_not_over_before_a_new_step():
    old = records("a", 2, 0, 1, 10)
    assert find_recovery(old, at=9.5) is None
    assert find_recovery(by_time(old, records("b", 1, 30, 7, 4)), at=9.5) is None


def test_repeated_steps_are_counted_once_for_each_repetition():
    again = [records("b", 2, 30, 7, 5), records("c", 1, 60, 10, 5)]
    assert count_repeated(by_time(records("a", 2, 0, 1, 10), *again)) == 4 + 2


def test_step_seconds_of_each_number_of_workers_ignore_pauses():
    two = [*records("a", 2, 0, 1, 5, pace=1), *records("a", 2, 100, 6, 5, pace=1)]
    assert step_seconds(by_time(two, records("b", 1, 200, 11, 4, pace=2))) == {2: 1, 1: 2}


def test_torn_line_is_left_out(tmp_path):
    (tmp_path / "a").write_text("1.5 1 2\n2.5 2 2\n3.5 3")
    (tmp_path / "b").write_text("1.25 1 2\n")
    assert read_records(tmp_path) == [Record(1.25, 1, 2, "b"), Record(1.5, 1, 2, "a"), Record(2.5, 2, 2, "a")]
