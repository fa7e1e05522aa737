"""Prints the present second-factor code of a demo account."""

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.core.management.base import BaseCommand, CommandError

from studyportal.accounts.models import User
from studyportal.accounts.selectors import studies_of


class Command(BaseCommand):
    """`manage.py code unblinded`; only for people whose every study is SYNTHETIC."""

    help = "Print the six digits that an authenticator app would show for a demo account."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user name."""
        parser.add_argument("username")

    def handle(self, **options: Any) -> None:
        """Print the code."""
        username = options["username"]
        user = User.objects.filter(username=username).first()
        if user is None:
            msg = f"There is no account named {username}."
            raise CommandError(msg)
        if not all(study.is_synthetic for study in studies_of(user)):
            msg = f"{username} works in a real study: only their own authenticator app shows the code."
            raise CommandError(msg)
        authenticator = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
        if authenticator is None:
            msg = f"{username} signs in with the password alone."
            raise CommandError(msg)
        (counter,) = yield_hotp_counters_from_time()
        self.stdout.write(format_hotp_value(hotp_value(decrypt(authenticator.data["secret"]), counter)))
