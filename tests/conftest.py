"""The suite's ground: real PostgreSQL and Redis for the run, one database per worker, each door's own privileges.

The connection logs in as the administrator, then every test runs as one of the portal's logins (`portal_web` unless it
asks for another), so privileges are the real ones. Nothing is reset with TRUNCATE: the trail forbids it.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client
from django.urls import set_urlconf
from psycopg import sql
from psycopg.pq import TransactionStatus

from sessions.allocation.sealing import make_key_pair
from studyportal.audit.context import acting
from studyportal.embedded.folder import DataFolder
from studyportal.embedded.postgres import SUPERUSER, Postgres
from studyportal.embedded.provision import provision
from studyportal.embedded.valkey import Valkey

REPOSITORY = Path(__file__).resolve().parent.parent
# Removed after the run, and an empty name would be the working folder.
DATA = Path(os.environ["PORTAL_DATA"] or sys.exit("PORTAL_DATA is empty: name a folder for the run's throw-away data."))
TEMPLATE = "portal_template"
_services: list[Postgres | Valkey] = []
_folder = DataFolder(DATA)


def pytest_configure(config: pytest.Config) -> None:
    """Start the services once, in the process that leads the run."""
    if hasattr(config, "workerinput"):
        return
    if DATA.is_dir() and any(DATA.iterdir()):
        pytest.exit(f"{DATA} is not empty, and the run's data are removed afterwards: name an empty folder.", 4)
    _folder.open()
    for service in (Postgres(_folder, fast=True), Valkey(_folder)):
        service.start()
        _services.append(service)
    for owner in ("vault", "quarantine"):
        make_key_pair(_folder.secrets / f"{owner}_private_key", _folder.secrets / f"{owner}_public_key")
    _folder.secret("identity_key")


def pytest_unconfigure() -> None:
    """Stop what was started and remove the throw-away data."""
    if not _services:  # not the run's leader, or refused: nothing in the folder is the run's
        return
    for service in reversed(_services):
        service.stop()
    _folder.close()
    shutil.rmtree(DATA, ignore_errors=True)


# Explored where the leaks are planted, since those are told by what these people see; the rest go elsewhere.
WITH_LEAKS = ("coordinator", "statistician", "imaging_analyst", "data_manager")
# What shares a server or a crawl runs in one process. pytest-xdist 3.8 marks groups in a name that pytest 9.2 no longer
# reads, so its own `xdist_group` has no effect.
TOGETHER = (
    ("browser", re.compile(r"tests/browser/")),
    ("killed workers", re.compile(r"tests/unit/spectra/test_worker_killed")),
    ("planted leaks", re.compile(rf"tests/blinding/(test_planted|.*\[({'|'.join(WITH_LEAKS)})\])")),
    ("twin worlds", re.compile(r"tests/blinding/")),
)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Schedule `--dist loadgroup` by `TOGETHER`; every other test goes to whoever is free."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((name for name, pattern in TOGETHER if pattern.search(nodeid)), nodeid)

    return Groups(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of the twin worlds, for whoever quotes them."""
    figures = DATA / "blinding.json"
    if figures.exists():
        terminalreporter.write_sep("=", "twin worlds")
        terminalreporter.write_line(figures.read_text())
    if os.environ.get("UPDATE_LEAK_REPORT"):
        from tests.blinding.leak_report import write

        terminalreporter.write_line(write())


def administrator_dsn(database: str = "postgres") -> str:
    """Return the administrator's connection string."""
    return Postgres(DataFolder(DATA)).dsn(database)


def make_template() -> None:
    """Migrate the template database as the owner, once per run whoever comes first."""
    with (DATA / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (DATA / "template.done").exists():
            return
        provision(administrator_dsn(), TEMPLATE, DataFolder(DATA).secret)
        environment = {**os.environ, "PORTAL_PROCESS": "owner", "PORTAL_DATABASE": TEMPLATE}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=REPOSITORY, env=environment, check=True)
        (DATA / "template.done").touch()


def clone_template(name: str) -> None:
    """Make a database of its own from the template."""
    make_template()
    with (DATA / "template.lock").open("w") as lock, psycopg.connect(administrator_dsn(), autocommit=True) as admin:
        fcntl.flock(lock, fcntl.LOCK_EX)
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER portal_owner").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        admin.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO portal_web, portal_worker, portal_vault, portal_readonly").format(
                sql.Identifier(name)
            )
        )


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Point the default connection at this worker's clone, as the administrator."""
    name = f"portal_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"
    clone_template(name)
    admin = {"NAME": name, "USER": SUPERUSER, "PASSWORD": DataFolder(DATA).secret("admin_password")}
    settings.DATABASES["default"].update(admin)
    connections["default"].settings_dict.update(admin)
    with django_db_blocker.unblock():
        connection.close()
    yield
    with django_db_blocker.unblock():
        connection.close()


def forget_announcements() -> None:
    """Remove what earlier tests announced: that is committed before what it announces, and so outlives them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit.event)")
        (is_left,) = cursor.fetchone()
    if is_left:
        with psycopg.connect(administrator_dsn(connection.settings_dict["NAME"])) as admin:
            admin.execute("SET session_replication_role = replica")  # past the triggers that keep the trail
            admin.execute("DELETE FROM audit.event")


@contextmanager
def database_role(login: str) -> Iterator[None]:
    """Run SQL as `login`; afterwards as whoever it was before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user")
        (before,) = cursor.fetchone()
        cursor.execute(f"SET SESSION AUTHORIZATION {login}")
    try:
        yield
    finally:
        # A failed transaction takes the change of role back by itself when it is rolled back.
        if connection.connection.info.transaction_status != TransactionStatus.INERROR:
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION AUTHORIZATION {before}")


@contextmanager
def standing_at(name: str) -> Iterator[None]:
    """Stand at a door: its login, its URLs and its name."""
    urls = "studyportal.vault_urls" if name == "vault" else "studyportal.urls"
    before = {"ROOT_URLCONF": settings.ROOT_URLCONF, "PORTAL_DOOR": settings.PORTAL_DOOR}
    with database_role(f"portal_{name}"):
        try:
            settle({"ROOT_URLCONF": urls, "PORTAL_DOOR": name})
            yield
        finally:
            settle(before)


def settle(values: dict[str, str]) -> None:
    """Change settings and keep both doors' URLs resolved; `override_settings` forgets them, a tenth of a second."""
    for setting, value in values.items():
        setattr(settings, setting, value)
    set_urlconf(None)


@pytest.fixture
def door() -> Callable[[str], object]:
    """`with door("vault"):` - see `standing_at`."""
    return standing_at


@pytest.fixture(autouse=True)
def _as_web(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run each database test as the blinded web login and a named actor."""
    if "db" not in request.fixturenames and request.node.get_closest_marker("django_db") is None:
        yield
        return
    request.getfixturevalue("db")
    forget_announcements()
    with acting("user:suite"), database_role("portal_web"):
        yield


class DoorClient(Client):
    """Django's test client, standing at one door for each request."""

    def __init__(self, name: str, **defaults: object) -> None:
        super().__init__(**defaults)
        self.name = name

    def request(self, **request: object):
        """Send a request with the door's privileges."""
        with standing_at(self.name):
            return super().request(**request)

    def force_login(self, user: object, backend: str | None = None) -> None:
        """Sign in at the door: a session belongs to the login that made it."""
        with standing_at(self.name):
            super().force_login(user, backend)

    def login(self, **credentials: object) -> bool:
        """Sign in at the door with a password."""
        with standing_at(self.name):
            return super().login(**credentials)

    @property
    def session(self):
        """The session, as the door sees it."""
        with standing_at(self.name):
            store = super().session
            store.keys()  # read while we stand here: the other login does not see the row
            return store


@pytest.fixture
def client_for() -> Callable[..., DoorClient]:
    """`client_for(user, door="web")`: a signed-in client of a door."""

    def make(user: object = None, door: str = "web", **defaults: object) -> DoorClient:
        client = DoorClient(door, **defaults)
        if user is not None:
            client.force_login(user)
        return client

    return make


@pytest.fixture
def world() -> object:
    """Return two studies with one person of each role; see `tests.factories.world`."""
    from tests.factories.world import make_world

    return make_world()
