import json

import pytest

from firelib.data.parts.delta_options import delta_options


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ALLOW_HTTP", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_the_clouds_need_none() -> None:
    assert [delta_options(uri) for uri in ("s3://bucket/t", "gs://bucket/t", "/folder/t")] == [{}, {}, {}]


def test_an_endpoint_without_tls_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert delta_options("s3://bucket/t") == {"aws_endpoint": "http://127.0.0.1:9000", "aws_allow_http": "true"}
    assert delta_options("/folder/t") == {}
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://store.example")
    assert delta_options("s3://bucket/t") == {}
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://store.example")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "false")  # the user's word counts
    assert delta_options("s3://bucket/t") == {}


def test_an_emulator_of_google(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443")
    account = json.loads(delta_options("gs://bucket/t")["google_service_account_key"])
    assert (account["gcs_base_url"], account["disable_oauth"]) == ("http://127.0.0.1:4443", True)
