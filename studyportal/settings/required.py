"""What an installation on ordinary servers must set, by process; a missing one is named before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ALL = frozenset({"web", "worker", "vault", "vault_worker", "owner"})
DOORS = frozenset({"web", "vault"})
BLINDED = frozenset({"web", "worker"})
UNBLINDED = frozenset({"vault", "vault_worker"})


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment; names that end in _FILE point to a file that holds the secret."""

    name: str
    processes: frozenset[str]
    meaning: str


REQUIRED = (
    Variable("DATABASE_URL", ALL, "address of PostgreSQL, such as postgresql://postgres:5432/portal"),
    Variable("PORTAL_HOST", DOORS, "host name of this door, such as portal.example.org"),
    Variable("EMAIL_URL", DOORS, "mail server, such as smtp://user@mail.example.org:587"),
    Variable("CELERY_BROKER_URL_FILE", BLINDED, "file with the broker's address, such as redis://user:secret@redis/0"),
    Variable("PORTAL_S3_ENDPOINT", BLINDED, "address of the object store"),
    Variable("PORTAL_S3_BUCKET", BLINDED, "bucket of the study's files"),
    Variable("PORTAL_S3_ACCESS_KEY_FILE", BLINDED, "file with the store's access key"),
    Variable("PORTAL_S3_SECRET_KEY_FILE", BLINDED, "file with the store's secret key"),
    Variable("WEB_SECRET_KEY_FILE", frozenset({"web"}), "file with the blinded door's signing key"),
    Variable("VAULT_SECRET_KEY_FILE", frozenset({"vault"}), "file with the unblinded door's signing key"),
    Variable("PORTAL_IDENTITY_KEY_FILE", frozenset({"web"}), "file with the key over identities"),
    Variable("PORTAL_VAULT_KEY_FILE", UNBLINDED, "file with the vault's private key"),
    Variable("PORTAL_VAULT_PUBLIC_KEY_FILE", UNBLINDED, "file with the vault's public key"),
    Variable("PORTAL_QUARANTINE_PUBLIC_KEY_FILE", BLINDED, "file with the public key that seals originals"),
    Variable("PORTAL_WEB_PASSWORD_FILE", frozenset({"web"}), "file with the password of portal_web"),
    Variable("PORTAL_WORKER_PASSWORD_FILE", frozenset({"worker"}), "file with the password of portal_worker"),
    Variable("PORTAL_VAULT_PASSWORD_FILE", UNBLINDED, "file with the password of portal_vault"),
    Variable("PORTAL_OWNER_PASSWORD_FILE", frozenset({"owner"}), "file with the password of portal_owner"),
)


def lacking(environ: Mapping[str, str]) -> list[str]:
    """Return one line for each variable that the process needs and does not have."""
    process = environ.get("PORTAL_PROCESS", "")
    if process not in ALL:
        return [f"PORTAL_PROCESS: which process this is, one of {', '.join(sorted(ALL))}"]
    lines = []
    for variable in REQUIRED:
        if process not in variable.processes:
            continue
        value = environ.get(variable.name, "")
        if not value:
            lines.append(f"{variable.name}: {variable.meaning}")
        elif variable.name.endswith("_FILE") and not _readable(Path(value)):
            lines.append(f"{variable.name}: {variable.meaning}; {value} cannot be read or is empty")
    return lines


def refuse_half_configured(environ: Mapping[str, str]) -> None:
    """Stop here when something is missing.

    Raises:
        SystemExit: names every missing variable and what it is for.
    """
    if lines := lacking(environ):
        process = environ.get("PORTAL_PROCESS") or "unknown"
        listed = "\n".join(f"  {line}" for line in lines)
        msg = f"The portal (process {process}) does not start half-configured. Set:\n{listed}"
        raise SystemExit(msg)


def _readable(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
