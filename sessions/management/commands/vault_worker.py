"""Starts the vault's worker."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sessions.allocation.vault_worker import run


class Command(BaseCommand):
    """`manage.py vault_worker`, with PORTAL_PROCESS=vault_worker: draws what minimization is asked for."""

    help = "Answer requests of minimization at the vault, until stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file for a container's health check."""
        parser.add_argument("--pulse", type=Path, help="file to touch at every look")

    def handle(self, **options: Any) -> None:
        """Run until killed; refuse at the blinded door."""
        if settings.PORTAL_PROCESS != "vault_worker":
            raise CommandError("The vault's worker starts with PORTAL_PROCESS=vault_worker and no other process name.")
        # As a container's first process it would not hear of the end otherwise.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        run(pulse=options["pulse"])
