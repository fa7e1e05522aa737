"""Reads every stored file again and compares its hash, as the scheduler does every night."""

from typing import Any

from django.core.management.base import BaseCommand

from sessions.services import fixity
from studyportal.audit.context import acting


class Command(BaseCommand):
    """`manage.py check_files`; exit code 1 when a file is missing or changed."""

    help = "Re-hash every stored file; what is missing or changed becomes an alert."

    def handle(self, **options: Any) -> None:
        """Sweep, and say what was found."""
        del options
        with acting("system:check_files:shell"):
            run = fixity.sweep()
        self.stdout.write(f"{run.files} files, {run.missing} missing, {run.changed} changed")
        if run.missing or run.changed:
            raise SystemExit(1)
