"""What jobs and labels may be called."""

import pytest

from firelib.launch import naming_rules


@pytest.mark.parametrize("job_id", ["a", "train-261123-090501-1f9c", "a1"])
def test_good_ids(job_id):
    assert list(naming_rules.of_job(job_id)) == []


@pytest.mark.parametrize("job_id", ["", "1a", "a-", "A", "a_b", "a" * 41, "a\n"])
def test_bad_ids(job_id):
    assert list(naming_rules.of_job(job_id))


@pytest.mark.parametrize(("key", "value"), [("team", "a"), ("team", ""), ("t-e_1", "a-b_1")])
def test_good_labels(key, value):
    assert list(naming_rules.of_labels({key: value})) == []


@pytest.mark.parametrize(("key", "value"), [("Team", "a"), ("1", "a"), ("team", "-a"), ("team", "a" * 64), ("", "a")])
def test_bad_labels(key, value):
    assert list(naming_rules.of_labels({key: value}))


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "hf_token", "DB_PASSWORD", "MY_SECRET_NAME"])
def test_names_of_secrets_are_known(name):
    [said] = naming_rules.of_variables({name: "planted"}, {})
    assert f"--secret {name}=env:{name}" in said
    assert "planted" not in said


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "FIRELIB_WORKERS", "KEYBOARD"])
def test_other_names_are_fine(name):
    assert list(naming_rules.of_variables({name: "1"}, {})) == []


@pytest.mark.parametrize("name", sorted(naming_rules.RESERVED))
def test_what_backends_set_cannot_be_given(name):
    assert list(naming_rules.of_variables({name: "1"}, {}))
    assert list(naming_rules.of_variables({}, {name: "env:X"}))
