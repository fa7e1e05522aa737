"""Emergency unblinding while everything else is down: one vault process and the database, nothing more."""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psycopg
import pytest
from django.db import transaction

from studyportal.audit.context import acting
from studyportal.embedded.children import spawn, stop
from tests.conftest import DATA, REPOSITORY, administrator_dsn, clone_template
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.second_factor import code_of
from tests.factories.world import World, make_world
from tests.factories.worlds import connected

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """Follows redirects, keeps cookies, sends a form with its token."""

    def __init__(self, base: str) -> None:
        self.base, self.page = base, ""
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        """Return a page."""
        self.page = self.opener.open(self.base + path, timeout=120).read().decode()
        return self.page

    def post(self, path: str, **said: str) -> str:
        """Send what was said with the token of the page before; return the page that it leads to."""
        data = urlencode(said | {"csrfmiddlewaretoken": TOKEN.search(self.page)[1]}).encode()
        self.page = self.opener.open(self.base + path, data, timeout=120).read().decode()
        return self.page


@contextlib.contextmanager
def vault_alone(database: str) -> Iterator[str]:
    """Run the vault's web server by itself, its broker's address leading nowhere; yield where it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PORTAL_", "PYTEST", "COV_"))}
    environment = kept | {
        "PORTAL_DATA": str(DATA), "PORTAL_DATABASE": database, "PORTAL_PROCESS": "vault",
        "DJANGO_SETTINGS_MODULE": "studyportal.settings.test", "CELERY_BROKER_URL": "redis://127.0.0.1:9/0",
        "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "gunicorn", "studyportal.wsgi:application", "--bind", f"127.0.0.1:{port}",
        "--threads", "2", "--no-control-socket", "--log-level", "warning",
    ]  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    with (DATA / "vault_alone.log").open("wb") as log:
        server = spawn(command, environment=environment, output=log, folder=REPOSITORY)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                build_opener().open(f"{base}/healthz", timeout=5).read()
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
                pytest.fail((DATA / "vault_alone.log").read_text())
        yield base
    finally:
        stop(server, seconds=10)


@pytest.fixture
def database(django_db_setup: None, django_db_blocker) -> Iterator[tuple[str, World]]:
    """Return a database of its own with one randomized participant."""
    name = f"portal_alone_{os.getpid()}"
    clone_template(name)
    with django_db_blocker.unblock(), connected(name), acting("user:suite"), transaction.atomic():
        world = make_world()
        journey.activate_list(world)
        journey.randomized(world)
        code_of(world.emergency_unblinder)
    yield name, world
    with psycopg.connect(administrator_dsn(), autocommit=True) as cleaning:
        cleaning.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_from_sign_in_to_treatment_with_the_vault_alone(database, django_db_blocker) -> None:
    name, world = database

    def code() -> str:
        with django_db_blocker.unblock(), connected(name), acting("user:suite"), transaction.atomic():
            return code_of(world.emergency_unblinder)

    with vault_alone(name) as base:
        browser = Browser(base)
        browser.get("/account/login/")
        page = browser.post("/account/login/", login="emergency-unblinder", password=PASSWORD)
        assert 'name="code"' in page
        page = browser.post("/account/2fa/authenticate/", code=code())
        assert "Emergency unblinding" in page
        said = {"participant": "XO-001", "reason_code": "emergency", "reason": "Seizure, ward 7 asks"}
        assert "Reveal XO-001?" in browser.post("/emergency/", **said)
        page = browser.post("/allocations/reveal/", **said, password=PASSWORD, code=code())
    assert "Naltrexone 50 mg" in page
    assert "Placebo capsule" in page
