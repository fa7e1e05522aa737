"""Minimizing worlds that agree on everything but who has which sequence look the same from the blinded side.

Each world is a database of its own, built by the real services: sites ask, the vault draws, sites complete. In one of
them whatever the vault draws is exchanged. Pages, statements, mails and tables are compared byte for byte.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
from django.core import mail
from django.db import connection, transaction
from django.test import Client, override_settings

from participants.models import Participant
from participants.services.withdrawal import fail_screening
from sessions.allocation import minimizing, vault_worker
from sessions.allocation.models import Allocation
from sessions.allocation.services import open_slot
from sessions.randomization import Slot
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from tests.blinding.observation import Observer
from tests.conftest import administrator_dsn, clone_template, database_role
from tests.factories import journey
from tests.factories.minimized import activate_minimization
from tests.factories.people import PASSWORD
from tests.factories.world import World, make_world
from tests.factories.worlds import NOW, SHADOW, connected, frozen, seeded

OTHER = {"AB": "BA", "BA": "AB"}
Seen = dict[str, tuple[bytes, ...]]


@contextmanager
def drawing_exchanged(is_exchanged: bool) -> Iterator[None]:
    """Let the vault seal the other sequence of what it draws."""
    real = minimizing.next_slot

    def other(*given: object, **named: object) -> Slot:
        drawn = real(*given, **named)
        return replace(drawn, sequence=OTHER[drawn.sequence]) if is_exchanged else drawn

    minimizing.next_slot = other
    try:
        yield
    finally:
        minimizing.next_slot = real


class Watcher:
    """One minimizing world, and what its coordinator could see of it."""

    def __init__(self, database: str, files: Path) -> None:
        self.database, self.moment, self.seen = database, NOW, {}
        self.statements: list[str] = []
        self.observer = Observer(files, None)

    @contextmanager
    def step(self, label: str, login: str) -> Iterator[None]:
        """Do something one minute later, as a login, with randomness that follows from the label."""
        self.moment += timedelta(minutes=1)
        user = {} if login == "portal_admin" else {"login": login}
        with connected(self.database, **user), frozen(self.moment), seeded(label), acting("user:suite"):
            yield

    def build(self) -> list[str]:
        """Make people, design, minimization and four participants; return their numbers."""
        clone_template(self.database)
        with psycopg.connect(administrator_dsn(self.database), autocommit=True) as admin:
            admin.execute(SHADOW)
        with self.step("world", "portal_admin"), transaction.atomic(), database_role("portal_web"):
            world: World = make_world()
            activate_minimization(world)
            people = [journey.eligible(world, sex=sex) for sex in "FMFF"]
        with self.step("sign in", "portal_web"), transaction.atomic():
            self.client = Client()
            self.client.force_login(User.objects.get(username="coordinator"))
        return [one.number for one in people]

    def look(self, label: str, method: str, path: str, **given: str) -> None:
        """Send a request and keep all that shows of it, and all that the login could read afterwards."""
        self.statements, mail.outbox = [], []
        with self.step(label, "portal_web"), connection.execute_wrapper(self._note):
            answer = getattr(self.client, method)(path, given)
            statements = [*self.statements]
            self.seen[label] = (
                str(answer.status_code).encode(), repr(sorted(answer.headers.items())).encode(), answer.content,
                answer.cookies.output().encode(), "\n".join(statements).encode(),
                repr([(one.subject, one.body, one.recipients()) for one in mail.outbox]).encode(),
                self.observer.tables(),
            )  # fmt: skip

    def _note(self, execute: object, sql: str, params: object, many: bool, context: object) -> object:
        self.statements.append(f"{sql} {params!r}")
        return execute(sql, params, many, context)

    def draw(self, label: str) -> None:
        """Let the vault look once."""
        with self.step(label, "portal_vault"), override_settings(PORTAL_DOOR="vault"):
            vault_worker.look(vault_worker.Pauses())

    def leave(self, number: str) -> None:
        """Let somebody leave whose number is drawn."""
        with self.step(f"leave {number}", "portal_web"), transaction.atomic():
            fail_screening(
                participant=Participant.objects.get(number=number), reason="declined", note="",
                failed_on=clock.now().date(), by=User.objects.get(username="coordinator"),
            )  # fmt: skip

    def sequences(self) -> list[str]:
        """Return what was drawn, in order."""
        with self.step("reveal", "portal_vault"), override_settings(PORTAL_DOOR="vault"):
            found = Allocation.objects.order_by("slot__ordinal").select_related("slot__stratum")
            return [open_slot(one.slot).sequence for one in found]


def told(name: str, files: Path) -> tuple[Seen, list[str]]:
    """Tell the story in a world of its own; return what the site saw and what was drawn."""
    database = f"portal_min_{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"
    watcher = Watcher(database, files)
    with drawing_exchanged(name == "exchanged"):
        first, second, third, fourth = watcher.build()
        strata = dict(zip((first, second, third, fourth), ("01|F", "01|M", "01|F", "01|F"), strict=True))
        for number in (first, second, third, fourth):
            key = str(uuid.uuid5(uuid.NAMESPACE_OID, number))
            page = f"/participants/{number}/randomize/"
            watcher.look(f"ask {number}", "post", page, request_id=key, password=PASSWORD, stratum=strata[number])
            watcher.look(f"wait {number}", "get", f"{page}waiting/")
            if number == third:
                watcher.look(f"cancel {number}", "post", f"{page}cancel/")
            watcher.draw(f"draw {number}")
            if number == fourth:
                watcher.leave(number)
            watcher.look(f"go on {number}", "get", f"{page}waiting/")
            watcher.look(f"receipt {number}", "get", f"/participants/{number}/randomization/")
            watcher.look(f"participant {number}", "get", f"/participants/{number}/")
        watcher.look("home", "get", "/")
        drawn = watcher.sequences()
    with psycopg.connect(administrator_dsn(), autocommit=True) as cleaning:
        cleaning.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    return watcher.seen, drawn


def test_what_the_site_sees_does_not_depend_on_what_the_vault_draws(
    django_db_setup: None, django_db_blocker: object, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        (one, drawn), (again, same), (exchanged, other) = [
            told(name, tmp_path) for name in ("one", "again", "exchanged")
        ]
    assert (drawn, other) == (same, [OTHER[code] for code in drawn])
    assert len(drawn) == 3
    assert len(one) == 22
    statuses = {label: seen[0] for label, seen in one.items()}
    assert (statuses["wait XO-001"], statuses["go on XO-001"], statuses["receipt XO-001"]) == (b"200", b"302", b"200")
    # Without this (the same world twice) the next line would say nothing.
    assert [label for label, seen in one.items() if seen != again[label]] == []
    assert [label for label, seen in one.items() if seen != exchanged[label]] == []
