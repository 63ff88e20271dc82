"""Names of jobs, variables and labels."""

import pytest

from firelib.launch import naming_rules


@pytest.mark.parametrize("job_id", ["a", "train-261123-090501-1f9c", "a1"])
def test_valid_ids(job_id):
    assert list(naming_rules.validate_job_id(job_id)) == []


@pytest.mark.parametrize("job_id", ["", "1a", "a-", "A", "a_b", "a" * 41, "a\n"])
def test_invalid_ids(job_id):
    assert list(naming_rules.validate_job_id(job_id))


@pytest.mark.parametrize(("key", "value"), [("team", "a"), ("team", ""), ("t-e_1", "a-b_1")])
def test_valid_labels(key, value):
    assert list(naming_rules.validate_labels({key: value})) == []


@pytest.mark.parametrize(("key", "value"), [("Team", "a"), ("1", "a"), ("team", "-a"), ("team", "a" * 64), ("", "a")])
def test_invalid_labels(key, value):
    assert list(naming_rules.validate_labels({key: value}))


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "hf_token", "DB_PASSWORD", "MY_SECRET_NAME"])
def test_names_that_suggest_secrets_are_refused(name):
    [problem] = naming_rules.validate_env({name: "planted"})
    assert f"--secret {name}=env:{name}" in problem
    assert "planted" not in problem


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "FIRELIB_WORKERS", "KEYBOARD"])
def test_other_names_are_valid(name):
    assert list(naming_rules.validate_env({name: "1"})) == []


@pytest.mark.parametrize("name", sorted(naming_rules.RESERVED))
def test_reserved_names_are_refused(name):
    assert list(naming_rules.validate_env({name: "1"}))
    assert list(naming_rules.validate_secrets({name: "env:X"}, {}))
