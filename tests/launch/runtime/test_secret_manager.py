"""Secrets that a job reads from Secret Manager; a stand-in answers the requests."""

import base64
import json

import pytest
import stamina
from google.auth.exceptions import TransportError

from firelib.errors import UnreachableError
from firelib.launch.job_environment import SECRETS
from firelib.launch.runtime.secret_manager import read_cloud_secrets, read_secret
from tests.errors import refused

NAME = "projects/p/secrets/wandb/versions/3"


def test_references_are_replaced_by_values():
    environ = {SECRETS: json.dumps({"WANDB_API_KEY": f"gcp:{NAME}", "OTHER_KEY": "file:/run/x"})}
    read_cloud_secrets(environ, {NAME: "the value"}.__getitem__)
    assert environ == {"WANDB_API_KEY": "the value", SECRETS: json.dumps({"OTHER_KEY": "file:/run/x"})}


class Answer:
    """An answer of Secret Manager's REST API, which also stands in for the session."""

    def __init__(self, code, value=b""):
        self.status_code, self._value = code, value

    def json(self):
        return {"name": NAME, "payload": {"data": base64.b64encode(self._value).decode()}}

    def get(self, address, timeout):
        self.address = address
        return self


def test_a_secret_is_read():
    session = Answer(200, b"the value\n")
    assert read_secret(NAME, session) == "the value"
    assert session.address == f"https://secretmanager.googleapis.com/v1/{NAME}:access"


def test_a_secret_without_access():
    with refused(what=403, where=NAME, remedy="roles/secretmanager.secretAccessor"):
        read_secret(NAME, Answer(403))


def test_what_may_pass_in_a_minute_is_tried_again():
    """An exit would end a job on Vertex AI for good."""

    codes = [503, 429, None, 200]

    class Hiccups(Answer):
        def get(self, address, timeout):
            code = codes.pop(0)
            if code is None:
                raise TransportError("the metadata server is not ready")
            self.status_code = code
            return super().get(address, timeout)

    with stamina.set_testing(True, attempts=5):
        assert read_secret(NAME, Hiccups(200, b"the value")) == "the value"
    with stamina.set_testing(True, attempts=2), pytest.raises(UnreachableError):
        read_secret(NAME, Answer(503))
