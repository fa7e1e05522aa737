"""Brings a data folder up to this version, as the owner: key pairs, migrations, static files with compressed copies."""

from pathlib import Path
from typing import Any

import brotli
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from sessions.allocation.sealing import make_key_pair

TEXT = {".css", ".js", ".svg"}
LARGE_BYTES = 200_000


class Command(BaseCommand):
    """`manage.py prepare`, run by the supervisor before anything else starts; harmless when repeated."""

    help = "Make what a data folder lacks."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        """Do all three."""
        del options
        private, public = Path(settings.PORTAL_VAULT_KEY_FILE), Path(settings.PORTAL_VAULT_PUBLIC_KEY_FILE)
        if public.exists() and not private.exists():
            # Lists are sealed to it: a new pair would lock them away for good.
            msg = f"The vault's key {private} is missing: restore it with './portal manage vault_keys restore'."
            raise CommandError(msg)
        if not private.exists():
            make_key_pair(private, public)
        quarantine = Path(settings.PORTAL_QUARANTINE_PUBLIC_KEY_FILE)
        if not quarantine.exists():
            make_key_pair(quarantine.with_name("quarantine_private_key"), quarantine)
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        compress(Path(settings.STATIC_ROOT))


def compress(folder: Path) -> int:
    """Write a Brotli copy beside each text file whose copy is missing or older; return how many were written."""
    written = 0
    for path in folder.rglob("*"):
        copy = path.with_name(f"{path.name}.br")
        if path.suffix not in TEXT or (copy.exists() and copy.stat().st_mtime >= path.stat().st_mtime):
            continue
        content = path.read_bytes()
        # The best level takes seconds for a charts' library and saves little there.
        copy.write_bytes(brotli.compress(content, quality=5 if len(content) > LARGE_BYTES else 11))
        written += 1
    return written
