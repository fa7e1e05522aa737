"""A thousand participants, two requests each, real connections as the blinded login: some taken back, some killed."""

import os

import psycopg
import pytest

from benchmarks.randomization import as_login, race
from studyportal.embedded.folder import DataFolder
from tests.conftest import DATA, administrator_dsn, clone_template


@pytest.mark.parametrize(
    ("connections", "rollback_percent", "kills"), [(32, 5, 0), (16, 10, 40)], ids=["rolled back", "killed"]
)
def test_the_race(connections: int, rollback_percent: int, kills: int) -> None:
    name = f"portal_race_{os.getpid()}"
    clone_template(name)
    admin = administrator_dsn(name)
    web = as_login(admin, "portal_web", DataFolder(DATA).secret("portal_web_password"))
    try:
        result = race(
            admin, web, participants=1000, connections=connections, rollback_percent=rollback_percent, kills=kills
        )
        with psycopg.connect(admin) as checking:
            counts = checking.execute(
                "SELECT count(*), count(DISTINCT participant_id) FROM alloc.allocation"
            ).fetchone()
            heads = checking.execute("SELECT sum(taken) FROM alloc.stratum").fetchone()
    finally:
        with psycopg.connect(administrator_dsn(), autocommit=True) as cleaning:
            cleaning.execute(f"DROP DATABASE IF EXISTS {name}")
    assert (result.participants, result.requests) == (1000, 2000)
    assert (result.duplicates, result.losses, result.gaps, result.inversions, result.errors) == (0, 0, 0, 0, 0)
    assert counts == (1000, 1000)
    assert heads == (1000,)
