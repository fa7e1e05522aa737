"""Brings a data folder up to this version: the vault's key pair, then every migration, as the owner."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from sessions.allocation.sealing import make_key_pair


class Command(BaseCommand):
    """`manage.py prepare`, run by the supervisor before anything else starts; harmless when repeated."""

    help = "Make the vault's key pair when it is missing, and migrate."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        """Do both."""
        del options
        private = Path(settings.PORTAL_VAULT_KEY_FILE)
        if not private.exists():
            make_key_pair(private, Path(settings.PORTAL_VAULT_PUBLIC_KEY_FILE))
        call_command("migrate", verbosity=0, interactive=False)
