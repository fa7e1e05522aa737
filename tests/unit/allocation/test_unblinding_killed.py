"""Reveals killed at random points: nothing is opened that is not announced. The bench kills 1,000."""

import os

import psycopg
from django.db import transaction

from benchmarks.unblinding import in_vault
from studyportal.audit.context import acting
from tests.conftest import DATA, administrator_dsn, clone_template
from tests.factories import journey
from tests.factories.world import make_world
from tests.factories.worlds import connected


def test_the_trail_comes_first_in_twenty_killed_runs(django_db_setup: None, django_db_blocker) -> None:
    name = f"portal_killed_{os.getpid()}"
    clone_template(name)
    try:
        with django_db_blocker.unblock(), connected(name), acting("user:suite"), transaction.atomic():
            world = make_world()
            journey.activate_list(world)
            for sex in "FFM":
                journey.randomized(world, sex=sex)
        environment = {
            **os.environ, "PORTAL_DATA": str(DATA), "PORTAL_DATABASE": name,
            "DJANGO_SETTINGS_MODULE": "studyportal.settings.test",
        }  # fmt: skip
        result = in_vault(environment, 20)
    finally:
        with psycopg.connect(administrator_dsn(), autocommit=True) as cleaning:
            cleaning.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert result.kills == 20
    assert (result.opened_before_announced, result.answered_before_announced) == (0, 0)
    assert result.opened + result.announced_only + result.killed_before_the_announcement == 20
