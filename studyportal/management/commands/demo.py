"""Makes the SYNTHETIC demo study when the portal is empty."""

import secrets
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from studyportal.accounts.roles import UNBLINDED_ROLES
from studyportal.demo.design import ACCOUNTS
from studyportal.demo.making import is_empty, make_demo


class Command(BaseCommand):
    """`manage.py demo`, run by the supervisor as the blinded web login."""

    help = "Make the SYNTHETIC demo study in an empty portal."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the size."""
        parser.add_argument("--size", choices=("full", "small"), default="full")

    def handle(self, **options: Any) -> None:
        """Make it once."""
        if not is_empty():
            return
        began = time.monotonic()
        self.stdout.write("Making the SYNTHETIC demo study ...")
        password = demo_password(Path(settings.PORTAL_DATA) / "secrets" / "demo_password")
        make_demo(options["size"], password=password, say=self.stdout.write)
        accounts = Path(settings.PORTAL_DATA) / "demo_accounts.txt"
        accounts.touch(mode=0o600)
        accounts.write_text(account_lines(password))
        self.stdout.write(f"The demo study stands after {time.monotonic() - began:.0f} s.")


def demo_password(kept: Path) -> str:
    """Return the password of all demo accounts, made at first use."""
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text("demo-" + "-".join(secrets.token_hex(2) for _ in range(3)))
    return kept.read_text()


def account_lines(password: str) -> str:
    """Return what the start-up prints about accounts."""
    lines = ["", f"SYNTHETIC demo accounts, password of all: {password}"]
    for account in ACCOUNTS:
        door = "visible" if account.role in UNBLINDED_ROLES else "hidden"
        code = f"   six digits: ./portal code {account.username}" if door == "visible" else ""
        lines.append(f"  {account.username:<14}{account.role.label:<24}treatment {door}{code}")
    return "\n".join(lines) + "\n"
