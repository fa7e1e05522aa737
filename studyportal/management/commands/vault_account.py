"""Makes accounts of the unblinded door, gives and ends their roles, and prints enrolment links."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from studyportal.accounts import enrolment
from studyportal.accounts.doors import is_unblinded
from studyportal.accounts.models import User
from studyportal.accounts.roles import UNBLINDED_ROLES
from studyportal.audit.context import acting
from studyportal.errors import InvalidInput, StudyError
from studyportal.studies.models import Study


class Command(BaseCommand):
    """`manage.py vault_account NAME --study XO --role pharmacist`, by whoever runs the portal, with the vault's login.

    Without `--role` it prints a new link for an account whose holder lost the authenticator or the password.
    """

    help = "Make an account of the unblinded door, or a new enrolment link for one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the person and the role."""
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="full name, for a new account")
        parser.add_argument("--email", default="", help="e-mail address, for a new account")
        parser.add_argument("--study", default="", help="the study's code")
        parser.add_argument(
            "--role", choices=sorted(role.value for role in UNBLINDED_ROLES), help="the role to give, or to end"
        )
        parser.add_argument("--site", default="", help="the site's code; all sites without it")
        parser.add_argument("--end", action="store_true", help="end the role instead of giving it")

    def handle(self, **options: Any) -> None:
        """Do it, and say what to do next."""
        if settings.PORTAL_DOOR != "vault":
            raise CommandError("Only the vault's process does this: set PORTAL_PROCESS=vault.")
        try:
            with acting("system:vault_account"):
                said = self._done(options)
        except InvalidInput as error:
            raise CommandError(" ".join([error.message, *error.fields.values()])) from None
        except StudyError as error:
            raise CommandError(error.message) from None
        self.stdout.write(said)

    def _done(self, options: dict[str, Any]) -> str:
        role, username = options["role"], options["username"]
        user = User.objects.filter(username=username).first()
        if role is None:
            if user is None or not is_unblinded(user):
                msg = f"{username} is no account of the unblinded door: give it a role with --study and --role."
                raise CommandError(msg)
            return _link(enrolment.invite(user=user))
        study = Study.objects.filter(code=options["study"]).first()
        if study is None:
            codes = ", ".join(Study.objects.order_by("code").values_list("code", flat=True)) or "none yet"
            msg = f"There is no study {options['study']!r}. Give --study one of: {codes}."
            raise CommandError(msg)
        if options["end"]:
            if user is None:
                msg = f"There is no account named {username}."
                raise CommandError(msg)
            enrolment.end_unblinded_role(study=study, user=user, role=role)
            return f"{user.full_name} is no longer {role.replace('_', ' ')} in {study.code}."
        secret = enrolment.admit(
            study=study, username=username, full_name=options["name"], email=options["email"], role=role,
            site_code=options["site"],
        )  # fmt: skip
        given = f"{username} is now {role.replace('_', ' ')} in {study.code}."
        return f"{given}\n{_link(secret)}" if secret else given


def _link(secret: str) -> str:
    host = getattr(settings, "PORTAL_HOST", "")
    path = reverse("enrol", args=[secret], urlconf="studyportal.vault_urls")
    address = f"https://{host}{path}" if host else f"{path} at the address of the unblinded door"
    return (
        f"Enrolment link, once and for three days: {address}\n"
        "Give it to its holder in person or by a way that only they read. Password, authenticator and earlier links of "
        "the account are void."
    )
