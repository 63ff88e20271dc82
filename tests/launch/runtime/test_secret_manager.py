"""Values of secrets, read by a job; the service is played by what it answers."""

import base64
import json

import pytest

from firelib.errors import FirelibError
from firelib.launch.job_environment import SECRETS
from firelib.launch.runtime.secret_manager import read_cloud_secrets, secret_value

NAME = "projects/p/secrets/wandb/versions/3"


def test_values_of_secrets_go_into_the_environment():
    environ = {SECRETS: json.dumps({"WANDB_API_KEY": f"gcp:{NAME}", "OTHER_KEY": "file:/run/x"})}
    read_cloud_secrets(environ, {NAME: "the value"}.__getitem__)
    assert environ == {"WANDB_API_KEY": "the value", SECRETS: json.dumps({"OTHER_KEY": "file:/run/x"})}


class Answer:
    """What Secret Manager's REST API gives."""

    def __init__(self, code, value=b""):
        self.status_code, self._value = code, value

    def json(self):
        return {"name": NAME, "payload": {"data": base64.b64encode(self._value).decode()}}

    def get(self, address, timeout):
        self.address = address
        return self


def test_a_secret_is_read():
    session = Answer(200, b"the value\n")
    assert secret_value(NAME, session) == "the value"
    assert session.address == f"https://secretmanager.googleapis.com/v1/{NAME}:access"


def test_a_secret_that_may_not_be_read():
    with pytest.raises(FirelibError) as caught:
        secret_value(NAME, Answer(403))
    assert "403" in caught.value.what
    assert caught.value.where == NAME
    assert "roles/secretmanager.secretAccessor" in caught.value.remedy
