"""`manage.py provision` against the suite's own server."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command

from studyportal.embedded.folder import DataFolder
from studyportal.embedded.postgres import SUPERUSER
from studyportal.management.commands import provision
from tests.conftest import DATA, REPOSITORY, administrator_dsn

LOGINS = ("OWNER", "WEB", "WORKER", "VAULT", "READONLY")


def environment() -> dict[str, str]:
    folder = DataFolder(DATA)
    passwords = {
        f"PORTAL_{one}_PASSWORD_FILE": str(folder.secrets / f"portal_{one.lower()}_password") for one in LOGINS
    }
    for path in passwords.values():
        folder.secret(Path(path).name)
    return passwords | {
        "PORTAL_PROCESS": "owner", "PORTAL_DATABASE": "provisioned", "PORTAL_DATA": str(DATA),
        "ADMIN_DATABASE_URL": f"postgresql:///postgres?host={folder.run / 'pg'}&user={SUPERUSER}",
        "ADMIN_PASSWORD_FILE": str(folder.secrets / "admin_password"),
    }  # fmt: skip


def test_makes_logins_database_and_tables_once() -> None:
    command = [sys.executable, "manage.py", "provision"]
    kept = {**os.environ, **environment()}
    made = subprocess.run(command, cwd=REPOSITORY, env=kept, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert made.stdout == "Logins and database provisioned are there.\nMigrated.\n"
    with psycopg.connect(administrator_dsn("provisioned")) as admin:
        owner = admin.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'accounts_user'").fetchone()
        assert owner == ("portal_owner",)
        powers = admin.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'portal\\_%' AND rolsuper").fetchone()
        assert powers == (1,)  # the suite's administrator itself


def test_says_which_variable_is_missing(monkeypatch) -> None:
    monkeypatch.delenv("ADMIN_DATABASE_URL", raising=False)
    with pytest.raises(CommandError, match="Set ADMIN_DATABASE_URL"):
        call_command("provision")
    monkeypatch.setenv("ADMIN_DATABASE_URL", "postgresql:///postgres")
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", "/nonexistent")
    with pytest.raises(CommandError, match="Set ADMIN_PASSWORD_FILE to a file"):
        call_command("provision")


def test_makes_the_bucket_only_when_it_is_missing(monkeypatch, tmp_path) -> None:
    (tmp_path / "key").write_text("k")
    for name in ("PORTAL_S3_ACCESS_KEY_FILE", "PORTAL_S3_SECRET_KEY_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "key"))
    buckets: set[str] = set()

    def head(Bucket: str) -> None:  # noqa: N803 - boto3's name
        if Bucket not in buckets:
            raise ClientError({"Error": {"Code": "404"}}, "HeadBucket")

    store = SimpleNamespace(head_bucket=head, create_bucket=lambda **named: buckets.add(named["Bucket"]))
    monkeypatch.setattr(boto3, "client", lambda *_, **__: store)
    provision.make_bucket("http://store:8333", "study-files")
    assert buckets == {"study-files"}
    store.create_bucket = None
    provision.make_bucket("http://store:8333", "study-files")
