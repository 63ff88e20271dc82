"""A project with planted secrets and traps. No text here has the form of a secret, since this file is sent, too."""

import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

VALUE = "planted-value-7c41"

#: Variables of the environment of whoever submits a job; no name and no value is part of a request.
VARIABLES = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET", "GITHUB_TOKEN", "HF_TOKEN", "NPM_TOKEN"),
    *("DATABASE_URL", "DB_PASSWORD", "GOOGLE_API_KEY", "KAGGLE_KEY", "PGPASSWORD", "RAY_AUTH_TOKEN", "VAULT_TOKEN"),
    *("WANDB_API_KEY", "PLAIN_SETTING"),
)

#: Files whose names say that they hold secrets.
SECRET_FILES = (
    *(".env", ".ENV", "prod.env", ".env.production", ".envrc", "deploy/.Env.local", ".netrc", "_netrc"),
    *(".git-credentials", ".npmrc", ".pypirc", ".pgpass", ".PGPASS", ".my.cnf", "pip.conf", ".htpasswd"),
    *(".aws/credentials", ".aws/config", ".azure/accessTokens.json", ".boto", ".s3cfg", ".kube/config", "Kubeconfig"),
    *(".docker/config.json", ".dockercfg", ".config/gh/hosts.yml", "application_default_credentials.json"),
    *("my-service-account.json", "client_secret_12.apps.json", "infra/terraform.tfstate", "infra/prod.tfvars"),
    *("infra/terraform.tfstate.backup", ".vault-token", ".vault_pass.txt", "auth_token", "hf_token", "HF_TOKEN.txt"),
    *(".huggingface/token", "kaggle.json", ".kaggle/kaggle.json", "id_rsa", "ID_RSA", "id_ecdsa", "id_ed25519.bak"),
    *("keys/server.pem", "keys/server.key", "keys/store.p12", "keys/store.JKS", "keys/login.keytab", "keys/db.kdbx"),
    *(".ssh/config", ".gnupg/secring.gpg", "secrets/one", "secrets.yaml", "db_password.txt", "api-key", "github_token"),
    *(".bash_history", ".python_history", ".zshrc", "session.har", "notes.IPYNB", "work.ipynb", ".id_rsa.swp", ".env~"),
)
#: Files that look a little like secrets and are none.
CODE_FILES = (
    *(
        "secret_manager.py",
        "tokens.py",
        "tokenizer.json",
        "special_tokens_map.json",
        "password_field.py",
        "environment",
    ),
    *("my_token/main.py", "keys.py", "credentials/__init__.py", "kubeconfig.py", "[/bold] and [red].py", "größe.py"),
    *("shop.db", "shop.sqlite", "shop.duckdb"),
)


def write(project: Path, *names: str, text: str = VALUE) -> None:
    """Write files with the same text."""
    for name in names:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def plant_traps(project: Path, outside: Path) -> None:
    """Add links, special files, odd names and nested ignore files; what must not be sent contains `VALUE`."""
    write(outside, "outside.txt", "folder/inner.txt")
    (project / "link_out").symlink_to(outside / "outside.txt")
    (project / "link_to_folder_out").symlink_to(outside / "folder")
    (project / "innocent.txt").symlink_to(project / ".env")
    (project / "dangling").symlink_to(project / "nothing")
    (project / "circle").symlink_to(project / "circle")
    (project / "link_to_code").symlink_to("params.yaml")
    os.mkfifo(project / "fifo")
    with socket.socket(socket.AF_UNIX) as server, suppress(OSError):  # the path may be too long
        server.bind(str(project / "socket"))
    with suppress(PermissionError):
        os.mknod(project / "device", 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero, which never ends
    write(project, "id_dsa/inner.txt", "line\nbreak/.env", "line\nbreak/ignored.txt", ".env\n", "sub/deep/ignored.txt")
    write(project, ".gitignore", text="ignored.txt\n")
    write(project, "sub/.gitignore", "sub/.rayignore", text="local/\n")
    write(project, "sub/local/file.txt", "other/raw.bin")
    write(project, "other/.rayignore", text="\ufeff*.bin\n")
    write(project, ".git-like", "line\nbreak/code.py", *CODE_FILES, text="code")


def plant(project: Path, outside: Path, with_git: bool) -> None:
    """Plant everything.

    Args:
        project: The project's folder.
        outside: A folder out of the project.
        with_git: Whether the project is a git repository; then the secrets are tracked.
    """
    write(project, "params.yaml", "recipe.py", "data/rows/lake.json", text="code")
    write(project, *SECRET_FILES)
    plant_traps(project, outside)
    if with_git:
        subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
        subprocess.run(["git", "add", "--force", *SECRET_FILES], cwd=project, check=True)
        write(project, ".git/hooks/pre-push")
