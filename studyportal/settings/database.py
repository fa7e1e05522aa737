"""The database login of a process, and secrets from files.

A secret is the content of the file named by `<NAME>_FILE`, else of `PORTAL_DATA/secrets/<name>`. The embedded portal
makes those files on its first start; `prod` insists on them.
"""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from studyportal.embedded.folder import runtime_folder

LOGINS = {
    "web": "portal_web",
    "worker": "portal_worker",
    "vault": "portal_vault",
    "vault_worker": "portal_vault",
    "owner": "portal_owner",
    "readonly": "portal_readonly",
}


def secret(name: str, data: Path) -> str:
    """Return a secret's text, or a placeholder while the data folder does not exist yet (build and check time)."""
    path = Path(os.environ.get(f"{name.upper()}_FILE", data / "secrets" / name))
    return path.read_text().strip() if path.exists() else f"not-yet-made-{name}"


def database_from_environment(process: str, data: Path) -> dict[str, object]:
    """Django's database entry for `process`: `DATABASE_URL`'s server, or the embedded one's socket.

    The login is always the process's own; a user name in the URL is ignored on purpose.
    """
    try:
        login = LOGINS[process]
    except KeyError:
        known = ", ".join(LOGINS)
        msg = f"PORTAL_PROCESS is {process!r}; it must be one of: {known}."
        raise SystemExit(msg) from None
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    return {
        "ENGINE": "studyportal.audit.postgresql",
        "NAME": os.environ.get("PORTAL_DATABASE") or unquote(url.path.lstrip("/")) or "portal",
        "USER": login,
        "PASSWORD": secret(f"{login}_password", data),
        "HOST": url.hostname or str(runtime_folder(data) / "pg"),
        "PORT": str(url.port or ""),
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"pool": process in {"web", "vault"} and os.environ.get("PORTAL_POOL") == "on"},
    }
