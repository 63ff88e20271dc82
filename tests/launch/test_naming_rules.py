"""Names of jobs, variables and labels."""

import pytest

from firelib.launch import naming_rules
from tests.errors import refused
from tests.launch.jobs import job


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


SECRET_NAMES = (
    *(
        "WANDB_API_KEY",
        "hf_token",
        "DB_PASSWORD",
        "MY_SECRET_NAME",
        "DB_PWD",
        "dbpwd",
        "PWD_OF_DB_PWD",
        "SSH_PASSPHRASE",
    ),
    *("GCP_CREDENTIALS", "AWS_CREDS", "DB_PASS", "GITHUB_PAT", "MYSQL_PASSWD", "SECRETS", "API_KEY2", "DB_PASSWORDS"),
    *("SENTRY_DSN", "STORAGE_CONNECTION_STRING", "dbPassword"),
)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_that_suggest_secrets_are_refused(name):
    [problem] = naming_rules.validate_env({name: "planted"})
    assert f"--secret {name}=env:{name}" in problem
    assert "planted" not in problem


@pytest.mark.parametrize(
    "name",
    [
        "TOKENIZERS_PARALLELISM",
        "FIRELIB_WORKERS",
        "KEYBOARD",
        "PWD",
        "OLDPWD",
        "MAX_TOKENS",
        "BYPASS",
        "PATH",
        "COMPASS",
    ],
)
def test_other_names_are_valid(name):
    assert list(naming_rules.validate_env({name: "1"})) == []


SECRET_VALUES = (
    *("postgres://me:planted@host/db", "redis://:planted@host", "HTTPS://me:pl%40anted@host", "a=1,s3://k:planted@b/x"),
    *("jdbc:postgresql://me:planted@host", "https://host/x?token=planted", "https://host/?a=1&sig=planted"),
    *(
        "host=db password=planted",
        "Server=x;Pwd=planted;",
        "socks5h://u:p:l@nted@host:1080",
        "mongodb+srv://u:planted@h",
    ),
    "AKIA" + "PLANTEDPLANTED01",
)
HARMLESS_VALUES = (
    *("https://host:8080/path@v1", "gs://bucket/path", "me@host", "host:8080", "a:b@c", "git+https://host/repo@tag"),
    *("http://a:80,http://b:80/x@y", "repo/image:1@sha256:0", "https://me@host/x", "tokens=3", "12:30", ""),
)


@pytest.mark.parametrize("value", SECRET_VALUES)
def test_values_with_secrets_are_refused(value):
    [problem] = naming_rules.validate_env({"NAME": value})
    assert "--secret NAME=env:NAME" in problem
    assert "lanted" not in problem
    [problem] = naming_rules.validate_visible({"storage_root": value})
    assert problem.startswith("storage_root: ")
    assert "lanted" not in problem


@pytest.mark.parametrize("value", HARMLESS_VALUES)
def test_other_values_are_valid(value):
    assert list(naming_rules.validate_env({"NAME": value})) == []


@pytest.mark.parametrize("field", ["storage_root", "target", "env", "command"])
def test_a_job_never_shows_a_secret(field):
    url = "s3://me:planted@host"
    fields = {"storage_root": url, "target": {"a": url}, "env": {"A": url}, "command": ("firelib", "train", url)}
    with refused(what=field) as caught:
        job(**{field: fields[field]})
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(naming_rules.RESERVED))
def test_reserved_names_are_refused(name):
    assert list(naming_rules.validate_env({name: "1"}))
    assert list(naming_rules.validate_secrets({name: "env:X"}, {}))
