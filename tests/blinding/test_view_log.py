"""At the vault, no answer follows the secret unless an entry of the view log was committed before it was opened.

Two worlds that differ in the secret alone are asked everything that the vault has. Whatever answer differs shows
something of somebody's treatment; and every opening of a sealed slot finds its announcement committed already.
"""

import datetime
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from sessions.allocation.models import RandomizationList
from sessions.allocation.sealing import unseal
from sessions.allocation.selectors import REVEALS
from studyportal.accounts.models import User
from studyportal.accounts.roles import UNBLINDED_ROLES
from studyportal.audit.context import acting
from studyportal.reports.unblinded import MAKERS
from tests.blinding.crawl import quiet
from tests.blinding.planting import everywhere
from tests.blinding.report import figure
from tests.blinding.routes import NOBODY, PARAMETER, routes
from tests.conftest import administrator_dsn, settle
from tests.factories.people import PASSWORD
from tests.factories.second_factor import code_of
from tests.factories.worlds import NOW, PLANS, Twin, build, connected, frozen, seeded

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]

PEOPLE = tuple(sorted(role.replace("_", "-") for role in UNBLINDED_ROLES))
# Asked for nothing: signing in and out, and what changes the person's own account.
BESIDE = ("account/", "healthz", "api/schema/", "api/docs/")
REVEAL = {"participant": "XO-001", "reason_code": "emergency", "reason": "Seizure", "password": PASSWORD}
SHOWN = "/allocations/revealed/"
# Who reveals and has no view log is read in the log of somebody who was asked later.
READS = {"emergency-unblinder": "pharmacist"}
# The numbers of the packages that the pharmacy handed out itself. They differ since the treatments do, and name none:
# what is in a package is sealed, and opening it is announced.
BY_HAND = "GET /kits/ "
# The trail's events bear the server's own time; in these worlds the stopped clock's, one after the other.
IN_ORDER = """
CREATE SEQUENCE twin.tick;
GRANT USAGE ON SEQUENCE twin.tick TO PUBLIC;
ALTER TABLE audit.event ALTER COLUMN at
    SET DEFAULT twin.clock_timestamp() + nextval('twin.tick') * interval '1 microsecond';
"""
EVENTS = "SELECT id, name, actor FROM audit.event ORDER BY at, id"


@dataclass
class Visit:
    """What one person was answered at the vault of one world, and what stood in the trail when slots were opened."""

    world: Twin
    person: str
    answers: dict[str, bytes] = field(default_factory=dict)
    opened: dict[str, list[int]] = field(default_factory=dict)
    announced: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def vault_of(world: Twin) -> Iterator[None]:
    """Stand in a world as its unblinded door: the real login, its URLs, the stopped clock."""
    before = {"ROOT_URLCONF": settings.ROOT_URLCONF, "PORTAL_DOOR": settings.PORTAL_DOOR}
    with ExitStack() as stack:
        stack.enter_context(connected(world.database, "portal_vault"))
        stack.callback(settle, before)
        settle({"ROOT_URLCONF": "studyportal.vault_urls", "PORTAL_DOOR": "vault"})
        stack.enter_context(frozen(NOW))
        stack.enter_context(quiet())
        stack.enter_context(acting("user:suite"))
        stack.enter_context(transaction.atomic())
        yield
        transaction.set_rollback(True)


def asked(world: Twin, person: str) -> Visit:
    """Ask the vault of a world for everything as one person."""
    visit = Visit(world, person)
    with psycopg.connect(administrator_dsn(world.database), autocommit=True) as trail, vault_of(world):
        client = Client(raise_request_exception=False)
        with seeded(f"sign in {person}"):
            user = User.objects.get(username=person)
            client.force_login(user)
            code = code_of(user)
        for number, (method, path, data) in enumerate(requests_of(code)):
            cache.clear()
            # Announcements are written on connections of their own; each request has its second, so the log an order.
            moment = NOW + datetime.timedelta(seconds=number)
            trail.execute(f"ALTER DATABASE {world.database} SET twin.now = '{moment.isoformat()}'")
            visit_once(visit, trail, client, method, path, data)
    return visit


def requests_of(code: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Return every address of the vault, and the acts that open something."""
    lists = [str(pk) for pk in RandomizationList.objects.values_list("pk", flat=True)]
    values = {"pk": [*lists, NOBODY], "name": [*MAKERS, "unknown"]}
    for route in routes("studyportal.vault_urls"):
        if route.template.startswith(BESIDE):
            continue
        names = [name for _, name in PARAMETER.findall(route.template)]
        known = all(name in values for name in names)
        for value in values[names[0]] if names and known else [NOBODY if names else ""]:
            path = "/" + PARAMETER.sub(lambda found, value=value: value, route.template)
            yield "GET", path, {}
            if route.template.startswith("api/v1/"):
                yield "GET", f"{path}?format=csv", {}
            if route.name.startswith("list-"):
                yield "POST", path, {"password": PASSWORD, "reason": "Enough"}
    yield "POST", "/emergency/", REVEAL
    yield "POST", "/allocations/reveal/", REVEAL | {"code": code, "password": "wrong"}
    yield "POST", "/allocations/reveal/", REVEAL | {"code": code}
    yield "GET", SHOWN, {}
    yield "GET", f"{SHOWN}record.pdf?shown", {}
    yield "GET", f"{SHOWN}proof.json?shown", {}
    yield "GET", "/log/", {}


def visit_once(
    visit: Visit, trail: psycopg.Connection, client: Client, method: str, path: str, data: dict[str, str]
) -> None:
    """Ask once; note the answer, what was announced, and what was announced when each slot was opened."""
    before, label = {row[0] for row in trail.execute(EVENTS)}, f"{method} {path} {data.get('password', '')}"

    def watched(*arguments: object) -> bytes:
        again = path.startswith(SHOWN)
        own = [
            name
            for key, name, actor in trail.execute(EVENTS)
            if actor == f"user:{visit.person}" and (again or key not in before)
        ]
        visit.opened.setdefault(label, []).append(len([name for name in own if name in REVEALS]))
        return unseal(*arguments)

    with everywhere(unseal, watched), seeded(label):
        answer = client.post(path, data) if method == "POST" else client.get(path)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    visit.answers[label] = body + repr(sorted(answer.headers.items())).encode() + str(answer.status_code).encode()
    visit.announced[label] = [name for key, name, _ in trail.execute(EVENTS) if key not in before]


@contextmanager
def in_order() -> Iterator[None]:
    """Let the trail's events of a world that is being built bear the stopped clock's time."""
    with connection.cursor() as cursor:
        cursor.execute(IN_ORDER)
    yield


@pytest.fixture(scope="module")
def visits(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> dict[str, list[Visit]]:
    """Return what each person was answered in two worlds of their own, since announcements stay."""
    with django_db_blocker.unblock():
        worlds = [build(PLANS[name], suffix="_vault", patches=in_order) for name in ("base", "swap")]
        return {person: [asked(world, person) for world in worlds] for person in PEOPLE}


@pytest.mark.parametrize("person", PEOPLE)
def test_no_slot_is_opened_before_its_announcement_is_committed(visits: dict[str, list[Visit]], person: str) -> None:
    for visit in visits[person]:
        assert visit.opened, "nothing was opened, so nothing was tested"
        assert {label: seen for label, seen in visit.opened.items() if 0 in seen} == {}
    figure(f"slots opened by the {person}", sum(len(seen) for seen in visits[person][0].opened.values()))


@pytest.mark.parametrize("person", PEOPLE)
def test_whatever_follows_the_secret_was_announced(visits: dict[str, list[Visit]], person: str) -> None:
    here, there = visits[person]
    differing = [label for label, answer in here.answers.items() if answer != there.answers[label]]
    figure(f"answers at the vault that follow the secret, {person}", len(differing))
    assert f"GET {SHOWN} " in differing  # else the two worlds would prove nothing
    assert [label for label in differing if label not in {*here.opened, BY_HAND}] == []
    silent = [label for label in differing if not here.announced[label] and SHOWN not in label and label != BY_HAND]
    assert silent == []


@pytest.mark.parametrize("person", PEOPLE)
def test_every_announcement_stands_in_the_view_log(visits: dict[str, list[Visit]], person: str) -> None:
    (visit, _) = visits[person]
    log = visits[READS.get(person, person)][0].answers["GET /log/ "].decode()
    for label in visit.opened:
        told = set(visit.announced[label])
        words = [REVEALS[name] for name in told if name in REVEALS]
        # Announcements of one request are one line of the log, in the words of one of them.
        assert any(word in log for word in words) or SHOWN in label, f"{label}: {told}"
