"""The vault's real worker process: killed wherever it can be, it gives every participant one number, in order."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection, transaction

from participants.models import Participant
from sessions.allocation import vault_worker
from sessions.services import drawing
from sessions.services.randomization import randomize
from studyportal.audit.context import acting
from studyportal.errors import BlindingViolation
from tests.conftest import DATA, REPOSITORY, administrator_dsn, clone_template, database_role
from tests.factories import journey
from tests.factories.minimized import activate_minimization
from tests.factories.people import PASSWORD
from tests.factories.world import World, make_world

PATIENCE_SECONDS = 60
DATABASE = f"portal_vault_worker_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"
LOG = DATA / "vault-worker-killed.log"
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
COUNTS = "SELECT (SELECT count(*) FROM alloc.list_slot), (SELECT count(*) FROM alloc.allocation)"
COURSE = """
SELECT s.ordinal, p.number, s.number, p.randomization_number, r.state FROM alloc.allocation a
JOIN alloc.list_slot s ON s.id = a.slot_id JOIN participants_participant p ON p.id = a.participant_id
JOIN alloc.minimization_request r ON r.request_id = a.request_id ORDER BY 1
"""


@contextmanager
def committed() -> Iterator[None]:
    """Write for good, as the blinded web login, in the database of the worker."""
    with acting("user:suite"), transaction.atomic(), database_role("portal_web"):
        yield


@pytest.fixture
def world(django_db_setup: None, django_db_blocker) -> Iterator[World]:
    """Commit a minimizing study in a database of the test's own, which the worker reads too."""
    clone_template(DATABASE)
    with django_db_blocker.unblock():
        before = connection.settings_dict.copy()
        connection.close()
        secret = (DATA / "secrets" / "admin_password").read_text().strip()
        connection.settings_dict.update(NAME=DATABASE, USER="portal_admin", PASSWORD=secret)
        try:
            with committed():
                made = make_world()
                activate_minimization(made)
            yield made
        finally:
            connection.close()
            connection.settings_dict.update(before)
    with psycopg.connect(administrator_dsn(), autocommit=True) as cleaning:
        cleaning.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def asked(world: World) -> Participant:
    with committed():
        participant = journey.eligible(world)
        return randomize(participant=participant, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)


@contextmanager
def worker(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker; whatever is left of it is killed at the end."""
    environment = {
        **os.environ, "PORTAL_PROCESS": "vault_worker", "PORTAL_DATABASE": DATABASE, "PORTAL_DATA": str(DATA),
        "DJANGO_SETTINGS_MODULE": "studyportal.settings.test",
    }  # fmt: skip
    command = [sys.executable, "manage.py", "vault_worker", *arguments]
    with LOG.open("ab") as log:
        child = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            yield child
        finally:
            kill(child)


def kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGKILL)
    child.wait()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, LOG.read_text()[-2000:]
        time.sleep(0.05)


@contextmanager
def held(statement: str, *parameters: object) -> Iterator[None]:
    """Hold a row that the worker needs, until it stands waiting for it; then the block may kill it."""
    with psycopg.connect(administrator_dsn(DATABASE)) as holder:
        holder.execute(statement, parameters)
        yield
        holder.rollback()


def seen(statement: str) -> list[tuple]:
    with psycopg.connect(administrator_dsn(DATABASE), autocommit=True) as admin:
        return admin.execute(statement).fetchall()


def is_blocked() -> bool:
    return seen(BLOCKED) == [(1,)]


def test_a_worker_killed_anywhere_gives_one_number_each_in_order(world: World, tmp_path: Path) -> None:
    participants = [asked(world), asked(world)]
    assert vault_worker.is_running() is False

    # Before anything is written: it waits for the list.
    with held("SELECT 1 FROM alloc.randomization_list FOR UPDATE"), worker() as child:
        wait_until(is_blocked)
        kill(child)
    assert seen(COUNTS) == [(0, 0)]

    # After slot and allocation are written, before they are committed: it waits for the request's place in the trail.
    head = "SELECT 1 FROM audit.obj_head WHERE tbl = 'alloc.minimization_request' FOR UPDATE"
    with held(head), worker() as child:
        wait_until(is_blocked)
        kill(child)
    assert seen(COUNTS) == [(0, 0)]

    pulse = tmp_path / "pulse"
    with worker("--pulse", str(pulse)) as child:
        wait_until(lambda: seen(COUNTS) == [(2, 2)])
        wait_until(pulse.exists)
        assert vault_worker.is_running() is True
        # A third one while it runs: it is woken, and killed as soon as the answer is committed.
        participants.append(asked(world))
        wait_until(lambda: seen(COUNTS) == [(3, 3)])
        kill(child)
    wait_until(lambda: not vault_worker.is_running())

    numbers = []
    for participant in participants:
        with committed():
            numbers.append(drawing.complete(participant.pk).randomization_number)
            drawing.complete(participant.pk)
    assert len({*numbers, ""}) == 4

    # The next worker finds nothing to do but what is new, and survives a database that ends its connection.
    with worker() as child:
        wait_until(vault_worker.is_running)
        terminated = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'portal_vault'"
        assert seen(f"{terminated} AND datname = current_database()") == [(True,)]
        participants.append(asked(world))
        wait_until(lambda: seen(COUNTS) == [(4, 4)])
        child.terminate()
        assert child.wait(PATIENCE_SECONDS) == 0
    with committed():
        numbers.append(drawing.complete(participants[3].pk).randomization_number)
    course = [
        (place, participant.number, number, number, "answered")
        for place, (participant, number) in enumerate(zip(participants, numbers, strict=True), start=1)
    ]
    assert seen(COURSE) == course


def test_the_worker_never_starts_at_the_blinded_door() -> None:
    with pytest.raises(BlindingViolation, match="with the vault's login only"):
        vault_worker.run()
    for process in ("web", "worker", "vault"):
        environment = {**os.environ, "PORTAL_PROCESS": process, "DJANGO_SETTINGS_MODULE": "studyportal.settings.test"}
        refused = subprocess.run(
            [sys.executable, "manage.py", "vault_worker"], cwd=REPOSITORY, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert refused.returncode == 1
        assert "starts with PORTAL_PROCESS=vault_worker and no other process name" in refused.stderr


def test_a_request_that_cannot_be_answered_is_left_alone_longer_each_time(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(vault_worker.time, "monotonic", lambda: now[0])
    pauses, request = vault_worker.Pauses(), uuid.uuid4()
    waits = []
    for _ in range(7):
        assert pauses.is_due(request)
        pauses.put_off(request)
        began = now[0]
        while not pauses.is_due(request):
            now[0] += 1
        waits.append(now[0] - began)
    assert waits == [2, 4, 8, 16, 32, 60, 60]


@pytest.mark.django_db
def test_the_loop_looks_sleeps_and_comes_back_when_the_database_was_away(settings, monkeypatch, tmp_path) -> None:
    settings.PORTAL_DOOR = "vault"
    looks, pulse = [], tmp_path / "pulse"

    def look(pauses: vault_worker.Pauses) -> None:
        looks.append(pauses)
        if len(looks) == 1:
            raise psycopg.OperationalError("away")

    monkeypatch.setattr(vault_worker, "look", look)
    monkeypatch.setattr(vault_worker, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(vault_worker, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(vault_worker.connection, "close", lambda: None)
    vault_worker.run(pulse=pulse, is_over=lambda: len(looks) >= 3)
    assert len(looks) == 3
    assert len(set(map(id, looks))) == 1
    assert pulse.exists()
