"""The last kit under real concurrency: many pharmacists at once, one of them gets it, once."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
from django.conf import settings
from django.db import connections, transaction
from django.test import override_settings

from sessions.allocation import dispensing
from sessions.allocation.kit_ledger import Movement
from sessions.allocation.kit_models import DispensingLabel, KitMovement
from studyportal.audit.context import acting
from studyportal.errors import InvalidState
from tests.conftest import administrator_dsn, clone_template, database_role
from tests.factories import journey, pharmacy
from tests.factories.people import PASSWORD
from tests.factories.world import World, make_world
from tests.factories.worlds import connected

RACERS = 6


def test_one_pharmacist_wins_the_last_kit_and_it_is_dispensed_once(django_db_blocker) -> None:
    name = f"portal_last_kit_{os.getpid()}"
    clone_template(name)
    try:
        with (
            django_db_blocker.unblock(), connected(name), acting("user:suite"), transaction.atomic(),
            database_role("portal_web"),
        ):  # fmt: skip
            world = make_world()
            journey.activate_list(world)
            pharmacy.second_pharmacist(world)
            pharmacy.received(world, each=1)
            waiting = [pharmacy.planned(world, journey.randomized(world, sex="FM"[n % 2])) for n in range(RACERS)]
        with django_db_blocker.unblock(), override_settings(PORTAL_DOOR="vault"):
            picks = race(
                name, [lambda one=one: dispensing.pick(session_id=one.pk, by=world.pharmacist) for one in waiting]
            )
            won = [
                (session, kit) for session, kit in zip(waiting, picks, strict=True) if not isinstance(kit, Exception)
            ]
            assert len(won) == 1
            assert {type(answer) for answer in picks if isinstance(answer, Exception)} == {dispensing.StockShort}
            session, kit = won[0]
            given = race(name, [lambda: give(world, session, kit.number) for _ in range(RACERS)])
            refused = [answer for answer in given if isinstance(answer, Exception)]
            assert len(refused) == RACERS - 1
            assert all(isinstance(answer, InvalidState) for answer in refused)
            with connected(name, "portal_vault"):
                assert KitMovement.objects.filter(kind=Movement.RESERVED).count() == 1
                assert KitMovement.objects.filter(kind=Movement.DISPENSED).count() == 1
                assert DispensingLabel.objects.count() == 1
    finally:
        with psycopg.connect(administrator_dsn(), autocommit=True) as cleaning:
            cleaning.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def give(world: World, session: object, number: str) -> DispensingLabel:
    return dispensing.dispense(
        session_id=session.pk, scanned=number, password=PASSWORD, second=pharmacy.SECOND, by=world.pharmacist
    )


def race(database: str, acts: list[Callable[[], object]]) -> list[object]:
    """Do all acts at once, each on a connection of its own; return what each returned or raised."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        with connected(database, "portal_vault"), acting("user:pharmacist"):
            connections["default"].ensure_connection()
            start.wait()
            try:
                return act()
            except Exception as refused:
                return refused

    assert settings.PORTAL_DOOR == "vault"
    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
