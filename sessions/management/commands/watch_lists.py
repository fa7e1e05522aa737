"""Warns the custodians of lists that run low, for the hours when nobody opens a page of the vault."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sessions.allocation.watching import watch_all
from studyportal.audit.context import acting


class Command(BaseCommand):
    """`manage.py watch_lists`, at the vault, from its own scheduler: every hour is often enough."""

    help = "Tell the custodians of randomization lists that run low; at the vault only."

    def handle(self, **_: Any) -> None:
        """Look once."""
        if settings.PORTAL_DOOR != "vault":
            msg = "Lists can be counted at the vault only: run this with PORTAL_PROCESS=vault."
            raise CommandError(msg)
        with acting("system:watch_lists"):
            watch_all()
