"""A storage root at s3:// with a role and a token of the pod: no keys, as on EKS. STS and S3 are moto's."""

import os
import subprocess
import sys

import pytest

from tests import buckets
from tests.launch.backends.kubeflow.test_requests import GENERIC, objects
from tests.project import ROOT

_WRITE_AND_READ = """
import sys
from firelib import storage
storage.write_bytes(sys.argv[1], b"rows")
print(storage.read_bytes(sys.argv[1]).decode())
"""


def run(uri, env):
    command = [sys.executable, "-c", _WRITE_AND_READ, uri]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.integration
def test_a_token_is_exchanged_for_the_role(tmp_path):
    _, train = objects(**GENERIC)
    given = {each["name"]: each["value"] for each in train["spec"]["trainer"]["env"] if each["name"].startswith("AWS")}
    token = tmp_path / "token"
    token.write_text("header.payload.signature")
    with buckets.s3() as bucket:
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") or "ENDPOINT" in name}
        env |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
        without = run(f"{bucket}/lab/a", env)
        assert without.returncode != 0
        assert "credentials" in without.stderr.lower()
        with_role = run(f"{bucket}/lab/a", {**env, **given, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)})
    assert with_role.returncode == 0, with_role.stderr
    assert with_role.stdout == "rows\n"
