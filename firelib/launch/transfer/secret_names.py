"""Names of files that usually hold secrets. They are compared without regard to case."""

import re
from fnmatch import translate
from pathlib import PurePosixPath

#: Names of files and folders, as patterns of `fnmatch`: whatever they contain stays on this machine.
SECRET_NAMES = (
    # environments and logins
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".authinfo*", ".git-credentials", ".gitcookies"),
    *(".npmrc", ".pypirc", "pip.conf", "pip.ini", ".condarc", ".gem", ".sentryclirc", ".htpasswd"),
    *(".pgpass", "pgpass.conf", ".my.cnf", ".mylogin.cnf", ".snowsql", ".dbt", ".smbcredentials", "smbcredentials"),
    *(".msmtprc", ".muttrc", ".fetchmailrc", ".esmtprc", "cookies.txt", "cookies.sqlite", "logins.json", "key[34].db"),
    # clouds and clusters
    *(".aws", ".azure", ".boto", ".s3cfg", ".passwd-s3fs", ".mc", ".gcloud", ".config", "access_tokens.db"),
    *("credentials.db", "legacy_credentials", ".oci", ".kube", "kubeconfig*", "*.kubeconfig", ".docker", ".dockercfg"),
    *(".dockerconfigjson", "local.settings.json", "*.publishsettings", ".rclone.conf", "rclone.conf", ".databrickscfg"),
    *(".terraform", ".terraformrc", "terraform.rc", "*.tfstate", "*.tfstate.*", "*.tfvars", "*.tfvars.json"),
    *(".vault-token", ".vault_pass*", ".vault-pass*", "vault_pass*", "vault-pass*", ".modal.toml", ".cloudflared"),
    # machine learning
    *(".huggingface", "hf_token*", "hf-token*", ".hf_token*", ".kaggle", "kaggle.json", "auth_token*", ".jupyter"),
    # keys
    *(".ssh", ".gnupg", ".pki", ".password-store", ".secrets", "secrets", "secring.*", "ssh_host_*_key*", "*.agekey"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "id_xmss*", "*.pem", "*.key", "*.p8", "*.p12", "*.pfx"),
    *("*.jks", "*.keystore", "*.bks", "*.ppk", "*.kdb", "*.kdbx", "*.keytab", "krb5cc_*", "*.ovpn", "wallet.dat"),
    # service accounts and OAuth clients
    *("*credentials*.json", "*service-account*.json", "*service_account*.json", "client_secret*.json"),
    # what was typed, shown or recorded
    *(".*_history", ".history", ".zhistory", ".lesshst", ".viminfo", ".bashrc", ".bash_profile", ".profile"),
    *(".zshrc", ".zshenv", ".zprofile", "*.har", "*.hprof"),
)

_PREFIX = "(?:.*[._-])?"
_SUBJECT = (
    "(?:secrets?|credentials?|passwords?|passwd|passphrases?|api[_-]?keys?|access[_-]?keys?|private[_-]?keys?"
    "|service[_-]?account(?:[_-]?keys?)?)"
)
_PLAIN = r"\.(?:json|ya?ml|txt|ini|cfg|conf|toml|csv|xml|properties)"
# Files of values, not of code: `db_password.txt` and `token`, but neither `secret_manager.py` nor `tokenizer.json`.
_VALUES = (
    f"{_PREFIX}{_SUBJECT}(?:[._-].*)?{_PLAIN}",
    f"{_PREFIX}{_SUBJECT}",
    rf"{_PREFIX}token(?:\.json|\.txt)?",
    "tokens",
)

# Code and prose, such as `kubeconfig.py`: their content decides.
_TEXTS = (".py", ".pyi", ".md", ".rst")

# Editors and people keep copies of a file beside it: `.id_rsa.swp`, `.env~`, `key.pem.old`.
_COPY = (r"[.#]{0,2}", r"(?:[~#\s]|\.(?:bak|backup|old|orig|save|sw[op]|tmp|copy|\d+))*")


def _compile(patterns: list[str]) -> re.Pattern[str]:
    before, after = _COPY
    return re.compile(f"{before}(?:{'|'.join(patterns)}){after}", re.IGNORECASE | re.DOTALL)


_ANYWHERE = _compile([translate(name).removesuffix(r"\Z") for name in SECRET_NAMES])
_FILE = _compile(list(_VALUES))


def has_secret_name(path: str) -> bool:
    """Whether the name of a file, or of a folder above it, says that it holds secrets.

    Args:
        path: The file, relative to the project.
    """
    *folders, name = PurePosixPath(path).parts
    is_text = name.endswith(_TEXTS)  # `src/secrets/__init__.py` is code, `.aws/notes.md` is not
    return any(_ANYWHERE.fullmatch(folder) for folder in folders if folder.startswith(".") or not is_text) or (
        not is_text and _is_secret_file(name)
    )


def _is_secret_file(name: str) -> bool:
    return bool(_ANYWHERE.fullmatch(name) or _FILE.fullmatch(name))
