"""A real worker on the suite's broker, killed in the middle of a fit: the run is finished afterwards, once.

The test plays beat: it sends the sweeper's task itself, faster than every ten seconds.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from sessions.mrs import SYNTHETIC_BASIS, simulate_functional
from sessions.tasks import quantify, sweep_quantifications
from studyportal.audit.context import acting
from studyportal.celery import app
from tests.conftest import DATA, REPOSITORY, administrator_dsn, clone_template, database_role
from tests.factories import journey, scans
from tests.factories.world import make_world

PATIENCE_SECONDS = 90
DATABASE = f"portal_killed_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"
SOCKET = settings.CELERY_BROKER_URL.removeprefix("redis+socket://").split("?")[0]
BROKER_DATABASE = 3 + int(DATABASE.endswith("1"))  # the suite runs in two processes at most
BROKER = f"redis+socket://{SOCKET}?virtual_host={BROKER_DATABASE}"
ROW = "SELECT state, attempts, fencing_token FROM jobs.quantification_run WHERE id = %s"


@pytest.fixture
def runs(django_db_setup: None, django_db_blocker) -> Iterator[list[uuid.UUID]]:
    """Commit two queued runs in a database of the test's own: the sweeper takes whatever waits, also another test's."""
    redis.Redis(unix_socket_path=SOCKET, db=BROKER_DATABASE).flushdb()
    clone_template(DATABASE)
    with django_db_blocker.unblock():
        before = connection.settings_dict.copy()
        connection.close()
        connection.settings_dict.update(NAME=DATABASE, USER="portal_admin", PASSWORD=_secret("admin_password"))
        try:
            with acting("user:suite"), transaction.atomic(), database_role("portal_web"):
                made = _make()
        finally:
            connection.close()
            connection.settings_dict.update(before)
    yield made
    redis.Redis(unix_socket_path=SOCKET, db=BROKER_DATABASE).flushdb()


def _make() -> list[uuid.UUID]:
    world = make_world()
    journey.activate_list(world)
    scans.make_basis(world)
    world.study.basis_sets.update(simulation=SYNTHETIC_BASIS)
    session = scans.held_session(world)
    return [scans.uploaded(world, session, simulate_functional([1.0] * 16, seed=seed)).runs.get().pk for seed in (1, 2)]


def _secret(name: str) -> str:
    return (DATA / "secrets" / name).read_text().strip()


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker with a short lease; whatever is left of it is killed at the end."""
    environment = {
        **os.environ, "PORTAL_PROCESS": "worker", "PORTAL_DATABASE": DATABASE, "PORTAL_TEST_BROKER": BROKER,
        "PORTAL_DATA": str(DATA), "PORTAL_JOB_LEASE_SECONDS": "2", "PORTAL_JOB_RESEND_SECONDS": "1",
        "DJANGO_SETTINGS_MODULE": "studyportal.settings.test",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "celery", "-A", "studyportal.celery", "worker", "--concurrency", "1",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    with (DATA / "worker-killed.log").open("ab") as log:
        child = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, start_new_session=True, stdout=log, stderr=log
        )
        try:
            yield child
        finally:
            kill(child)


def kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a worker and its pool at once, as a power cut would."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def row(run_id: uuid.UUID) -> tuple[str, int, int]:
    with psycopg.connect(administrator_dsn(DATABASE)) as admin:
        return admin.execute(ROW, [run_id]).fetchone()


def results_of(run_id: uuid.UUID) -> int:
    with psycopg.connect(administrator_dsn(DATABASE)) as admin:
        query = "SELECT count(*) FROM study_sessions_quantificationresult WHERE run_id = %s"
        return admin.execute(query, [run_id]).fetchone()[0]


def send(task: object, *arguments: str) -> None:
    with app.connection_for_write(BROKER) as broker:
        task.apply_async(arguments, connection=broker)


def wait_until(condition: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
    deadline, next_act = time.monotonic() + PATIENCE_SECONDS, time.monotonic()
    while not condition():
        assert time.monotonic() < deadline, (DATA / "worker-killed.log").read_text()[-2000:]
        if time.monotonic() >= next_act:
            meanwhile()
            next_act = time.monotonic() + 1
        time.sleep(0.05)


def test_a_killed_workers_run_is_finished_once_by_the_next(runs: list[uuid.UUID]) -> None:
    run = runs[0]
    send(quantify, str(run))
    with worker() as first:
        wait_until(lambda: row(run)[0] in {"preprocessing", "fitting"})
        kill(first)
    state, attempts, token = row(run)
    assert (state in {"preprocessing", "fitting"}, attempts, token, results_of(run)) == (True, 1, 1, 0)
    with worker():
        wait_until(lambda: row(run)[0] == "done", meanwhile=lambda: send(sweep_quantifications))
        send(quantify, str(run))
        send(sweep_quantifications)
        wait_until(lambda: row(runs[1])[0] == "done")
    assert (row(run), results_of(run)) == (("done", 2, 2), 1)


def test_a_flushed_broker_loses_no_run(runs: list[uuid.UUID]) -> None:
    run = runs[1]
    send(quantify, str(run))
    redis.Redis(unix_socket_path=SOCKET, db=BROKER_DATABASE).flushdb()
    with worker():
        wait_until(lambda: row(run)[0] == "done", meanwhile=lambda: send(sweep_quantifications))
    assert results_of(run) == 1
