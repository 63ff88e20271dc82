"""Secrets are found by their form. The examples are put together, since this file is sent with jobs, too."""

import base64
import mmap

import pytest

from firelib.launch.secret_content import find_secrets, is_secret

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
HEX = "0123456789abcdef" * 4


def begin(kind):
    return f"-----BEGIN {kind}PRIVATE" + " KEY-----"


SECRETS = {
    "rsa": begin("RSA "),
    "pkcs8": begin(""),
    "openssh": begin("OPENSSH "),
    "pgp": begin("PGP ").replace("KEY-", "KEY BLOCK-"),
    "json": f'"private_key": "{begin("")}\\nMIIE"',
    **{
        f"base64 {kind}": "client-key-data: " + base64.b64encode(begin(kind).encode()).decode()
        for kind in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA ")
    },
    "putty": "PuTTY-User-Key" + "-File-3: ssh-ed25519",
    "age": "AGE-SECRET" + "-KEY-1" + LETTERS.upper()[:58],
    "aws id": "AKIA" + "ABCDEFGHIJKLMNOP",
    "aws session": "id=ASIA" + "0123456789ABCDEF",
    "aws key": "aws_secret_access" + "_key = " + LETTERS[:40],
    "aws json": '"SecretAccess' + 'Key": "' + LETTERS[:40] + '"',
    "google": "AIza" + LETTERS[:35],
    "google oauth": "GOCS" + "PX-" + LETTERS[:28],
    "google token": "ya29" + "." + LETTERS[:40],
    "azure": "DefaultEndpointsProtocol=https;Account" + "Key=" + LETTERS[:44] + "==",
    "github": "ghp" + "_" + LETTERS[:36],
    "github new": "github" + "_pat_" + LETTERS[:40],
    "gitlab": "glpat" + "-" + LETTERS[:20],
    "hugging face": "hf" + "_" + LETTERS[:34],
    "openai": "sk-proj-" + LETTERS[:20] + "T3Blbk" + "FJ" + LETTERS[:20],
    "anthropic": "sk-" + "ant-" + LETTERS[:30],
    "wandb": "WANDB_API" + "_KEY=" + HEX[:40],
    "slack": "xoxb" + "-1234567890-" + LETTERS[:20],
    "slack webhook": "https://hooks.slack" + ".com/services/T012/B012/" + LETTERS[:24],
    "npm": "npm" + "_" + LETTERS[:36],
    "pypi": "pypi" + "-AgEIcHlwaS5vcmc" + LETTERS,
    "stripe": "sk_" + "live_" + LETTERS[:24],
    "sendgrid": "SG" + "." + LETTERS[:22] + "." + LETTERS[:43],
    "vault": "hvs" + "." + LETTERS[:30],
    "databricks": "dapi" + HEX[:32],
    "digitalocean": "dop" + "_v1_" + HEX,
    "jwt": "eyJ" + LETTERS[:20] + ".eyJ" + LETTERS[:20] + "." + LETTERS[:30],
}
HARMLESS = (
    *("-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "AKIA", "sha256:" + HEX, "key = 'value'", ""),
    *("from keys import hf_hub_download", "npm_config_registry", "ghp_import-2.1.0", "tokenizer.eyJ", "aGVsbG8=" * 9),
)


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_found(tmp_path, kind):
    (tmp_path / "file").write_text(f"a\nb {SECRETS[kind]}\n")
    [found] = find_secrets(tmp_path / "file")
    assert found.startswith("line 2: ")
    assert SECRETS[kind] not in found
    assert is_secret(SECRETS[kind])


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_not(tmp_path, text):
    (tmp_path / "file").write_text(text)
    assert find_secrets(tmp_path / "file") == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_encodings_do_not_matter(tmp_path, encoding):
    (tmp_path / "file").write_text(f"ä\n{begin('')}", encoding=encoding)
    assert find_secrets(tmp_path / "file") == ["line 2: private key"]


def test_files_that_fill_their_last_page(tmp_path):
    """Python 3.11.2 could die of reading the byte after them."""
    for last in range(256):
        (tmp_path / "file").write_bytes(bytes(2**20 - 1) + bytes([last]))
        assert find_secrets(tmp_path / "file") == []


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_at_the_end_of_the_last_page(tmp_path, kind):
    secret = SECRETS[kind].encode()
    (tmp_path / "file").write_bytes(secret.rjust(mmap.PAGESIZE, b"\n"))
    assert len(find_secrets(tmp_path / "file")) == 1
