"""Walks the hash chains of the whole trail."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyportal.audit import verify


class Command(BaseCommand):
    """`PORTAL_PROCESS=owner manage.py verify_trail`: only the owner may read every change."""

    help = "Check that no record of the trail was altered or removed."
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:
        """Print the number of changes, or every break, and fail."""
        chain = list(verify.links())
        if faults := verify.broken(chain, verify.heads()):
            listed = "\n".join(faults)
            msg = f"The trail is broken:\n{listed}"
            raise CommandError(msg)
        self.stdout.write(f"{len(chain)} changes, every chain whole.")
