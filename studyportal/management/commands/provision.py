"""Prepares ordinary servers for the portal: database logins, database, migrations, bucket."""

import os
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from studyportal.embedded.provision import provision


class Command(BaseCommand):
    """`manage.py provision`, once before the first start and after each update; harmless when repeated.

    Runs as the owner (`PORTAL_PROCESS=owner`). Needs `ADMIN_DATABASE_URL` with the file of its password in
    `ADMIN_PASSWORD_FILE`, and the files of all five logins' passwords.
    """

    help = "Make logins and database, migrate, make the bucket."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        """Do all of it, in order."""
        del options
        url = os.environ.get("ADMIN_DATABASE_URL", "")
        if not url:
            raise CommandError("Set ADMIN_DATABASE_URL, such as postgresql://postgres@postgres:5432/postgres.")
        password = _content("ADMIN_PASSWORD_FILE")
        joint = "&" if "?" in url else "?"
        name = str(settings.DATABASES["default"]["NAME"])
        provision(f"{url}{joint}password={password}", name, lambda login: _content(f"{login.upper()}_FILE"))
        self.stdout.write(f"Logins and database {name} are there.")
        call_command("migrate", verbosity=0, interactive=False)
        self.stdout.write("Migrated.")
        if endpoint := os.environ.get("PORTAL_S3_ENDPOINT"):
            make_bucket(endpoint, os.environ.get("PORTAL_S3_BUCKET", ""))
            self.stdout.write("The bucket is there.")


def make_bucket(endpoint: str, bucket: str) -> None:
    """Make the study's bucket if it is missing."""
    store = boto3.client(
        "s3", endpoint_url=endpoint, region_name=os.environ.get("PORTAL_S3_REGION", "us-east-1"),
        aws_access_key_id=_content("PORTAL_S3_ACCESS_KEY_FILE"),
        aws_secret_access_key=_content("PORTAL_S3_SECRET_KEY_FILE"),
    )  # fmt: skip
    try:
        store.head_bucket(Bucket=bucket)
    except ClientError:
        store.create_bucket(Bucket=bucket)


def _content(variable: str) -> str:
    path = os.environ.get(variable, "")
    try:
        return Path(path).read_text().strip()
    except OSError:
        msg = f"Set {variable} to a file that holds the secret."
        raise CommandError(msg) from None
