"""The jobs benchmark, small: real workers killed in the middle of runs, each run done exactly once."""

import importlib.util
import os
from types import ModuleType

import pytest
import redis
from django.conf import settings
from django.db import connection

from sessions.mrs import simulate_functional
from tests.conftest import DATA, REPOSITORY, administrator_dsn, clone_template

DATABASE = f"portal_bench_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"
SOCKET = settings.CELERY_BROKER_URL.removeprefix("redis+socket://").split("?")[0]
BROKER_DATABASE = 5 + int(DATABASE.endswith("1"))


@pytest.fixture
def bench() -> ModuleType:
    """Return the benchmark as a module."""
    found = importlib.util.spec_from_file_location("bench_jobs", REPOSITORY / "benchmarks" / "jobs.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_every_run_is_done_once_under_kills(bench: ModuleType, django_db_setup: None, django_db_blocker) -> None:
    redis.Redis(unix_socket_path=SOCKET, db=BROKER_DATABASE).flushdb()
    clone_template(DATABASE)
    broker = f"redis+socket://{SOCKET}?virtual_host={BROKER_DATABASE}"
    place = bench.Place(
        administrator_dsn(DATABASE), broker,
        {
            **os.environ, "PORTAL_PROCESS": "worker", "PORTAL_DATABASE": DATABASE, "PORTAL_TEST_BROKER": broker,
            "PORTAL_DATA": str(DATA), "PORTAL_JOB_LEASE_SECONDS": "2", "PORTAL_JOB_RESEND_SECONDS": "1",
            "DJANGO_SETTINGS_MODULE": "studyportal.settings.test", "PYTHONPATH": str(REPOSITORY),
        },
    )  # fmt: skip
    with django_db_blocker.unblock():
        before = connection.settings_dict.copy()
        connection.close()
        secret = (DATA / "secrets" / "admin_password").read_text().strip()
        connection.settings_dict.update(NAME=DATABASE, USER="portal_admin", PASSWORD=secret)
        try:
            runs = bench.make_runs(20, simulate_functional([1.0], seed=1))
            assert len(bench.make_runs(1, b"another")) == 1
        finally:
            connection.close()
            connection.settings_dict.update(before)
    found = bench.race(place, runs, kills=3)
    assert (found.jobs, found.kills, found.done_once, found.lost, found.doubled) == (20, 3, 20, 0, 0)
    assert found.attempts > 20
