"""A thousand participants, two requests each, 32 real connections as the blinded login, one in twenty taken back."""

import os

import psycopg

from benchmarks.randomization import as_login, race
from studyportal.embedded.folder import DataFolder
from tests.conftest import DATA, administrator_dsn, clone_template


def test_the_race() -> None:
    name = f"portal_race_{os.getpid()}"
    clone_template(name)
    admin = administrator_dsn(name)
    web = as_login(admin, "portal_web", DataFolder(DATA).secret("portal_web_password"))
    try:
        result = race(admin, web, participants=1000, connections=32, rollback_percent=5)
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
