"""Makes the secrets of an installation on ordinary servers, each in a file of its own."""

import json
import secrets
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from sessions.allocation.sealing import make_key_pair
from studyportal.embedded.provision import LOGINS

RANDOM = (
    "admin_password", "web_secret_key", "vault_secret_key", "identity_key", "s3_access_key", "s3_secret_key",
    *(f"{login}_password" for login in LOGINS),
)  # fmt: skip


class Command(BaseCommand):
    """`manage.py secrets deploy/secrets`; what exists already is kept."""

    help = "Make the secret files that docker-compose.yml names."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the folder."""
        parser.add_argument("folder", type=Path)

    def handle(self, **options: Any) -> None:
        """Make what is missing and name it."""
        folder: Path = options["folder"]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in RANDOM:
            self._keep(folder / name, lambda: secrets.token_urlsafe(48))
        broker = secrets.token_urlsafe(32)
        # Both or neither: the address holds the password that the list of users knows.
        if not (folder / "broker_url").exists():
            (folder / "broker_users").unlink(missing_ok=True)
        self._keep(folder / "broker_users", lambda: f"user default off\nuser portal on >{broker} ~* &* +@all\n")
        self._keep(folder / "broker_url", lambda: f"redis://portal:{broker}@redis:6379/0")
        self._keep(folder / "s3_users", lambda: _s3_users(folder))
        for owner in ("vault", "quarantine"):
            self._keep_pair(folder / f"{owner}_private_key", folder / f"{owner}_public_key")

    def _keep_pair(self, private: Path, public: Path) -> None:
        if not private.exists() and not public.exists():
            make_key_pair(private, public)
            private.chmod(0o644)
            self.stdout.write(f"{private.name}, {public.name}")

    def _keep(self, path: Path, make: Callable[[], str]) -> None:
        if not path.exists():
            # Containers read the file as a user of their own; the folder keeps everybody else out.
            path.write_text(make())
            path.chmod(0o644)
            self.stdout.write(path.name)


def _s3_users(folder: Path) -> str:
    keys = {"accessKey": (folder / "s3_access_key").read_text(), "secretKey": (folder / "s3_secret_key").read_text()}
    portal = {"name": "portal", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    return json.dumps({"identities": [portal]})
