"""The crawl: every address of the blinded door by every blinded role, forms filled in, probes tried.

The first world is explored and the requests are written down as they are made; every other world is asked the same.
"""

import base64
import logging
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin, urlsplit

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.test import Client, override_settings
from django.urls import Resolver404, resolve
from redis import Redis

from studyportal.accounts.models import User
from studyportal.audit.context import acting
from tests.blinding.observation import Ask, Observer, Seen
from tests.blinding.pages_read import Form, Page
from tests.blinding.routes import PEOPLE, ROLES, Route, routes
from tests.factories.worlds import NOW, Twin, connected, frozen, seeded, storing

USERNAMES = {person: person.replace("_", "-") for person in PEOPLE}
# One secret path each: as a filter, an order, a search, a column, a page, a format.
PROBES = (
    "ordering=-allocation__slot__ordinal", "sort=randomization_number", "sequence=QVXZPH", "status=randomized",
    "allocation__slot__sequence=QVXZPH", "search=QVXZPH", "search=XO-00", "stratum=01%7CF", "columns=sequence",
    "participant__allocation__slot__stratum__taken__gt=1", "format=csv", "page=2", "limit=2",
)  # fmt: skip
JSON = "application/json"
METADATA = ",".join(
    f"{key} {base64.b64encode(value.encode()).decode()}"
    for key, value in {
        "filename": "b.nii.gz", "kind": "metabolite", "sha256": "b" * 64, "participant": "XO-001", "period": "1"
    }.items()
)  # fmt: skip
SCRIPT_HEADERS = (
    ("HTTP_UPLOAD_OFFSET", "0"), ("HTTP_IF_MATCH", '"v2"'), ("HTTP_TUS_RESUMABLE", "1.0.0"),
    ("HTTP_UPLOAD_LENGTH", "9"), ("HTTP_UPLOAD_METADATA", METADATA),
)  # fmt: skip
MADRS_CHANGE = '{"client": "crawl", "version": %d, "changes": [{"seq": 1, "item": 5, "field": "value", "value": "%s"}]}'
UPLOAD = '{"filename": "a.nii.gz", "size": 9, "size_bytes": 9, "sha256": "%s", "kind": "metabolite"}'
# Bodies for routes whose callers are scripts, not forms.
SCRIPTED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "rating-changes": (("POST", MADRS_CHANGE % (2, "4"), JSON), ("POST", MADRS_CHANGE % (2, "7"), JSON),
                       ("POST", "no json", JSON)),
    "upload-create": (("POST", UPLOAD % ("a" * 64), JSON), ("POST", "{}", JSON)),
    "uploads": (("OPTIONS", "", ""), ("POST", "", "")),
    "upload-stop": (("POST", "", "application/x-www-form-urlencoded"),),
    "upload": (("HEAD", "", ""), ("PATCH", "abc", "application/offset+octet-stream"), ("DELETE", "", "")),
}  # fmt: skip

# A form is sent so often by each person, then it is known; these depend on whose it is.
SENDINGS = {"randomize": 9, "account_logout": 1, "session-dose": 6, "rating-sign": 6}
BESIDE = ("second_rater", "south_coordinator", "outsider")
WRITERS = ("coordinator", "rater", "investigator", "imaging_analyst")


@contextmanager
def looking(world: Twin, people: Iterable[str]) -> Iterator[Observer]:
    """Stand in a world as its blinded door: the real login, the stopped clock, every person signed in."""
    with ExitStack() as stack:
        files = Path(stack.enter_context(TemporaryDirectory(prefix="twin-"))) / "files"
        shutil.copytree(world.files, files)
        observer = Observer(files, stack.enter_context(own_broker()))
        stack.enter_context(connected(world.database, "portal_web"))
        stack.enter_context(storing(files))
        stack.enter_context(frozen(NOW))
        stack.enter_context(acting("anonymous"))
        stack.enter_context(quiet())
        # Any program will do: it is offered, and refused before it would run, since no basis set suits it.
        stack.enter_context(override_settings(PORTAL_LCMODEL_BINARY=sys.executable))
        stack.enter_context(transaction.atomic())
        cache.clear()
        for person in {*people, "anonymous"}:
            client = Client(raise_request_exception=False)
            if person != "anonymous":
                with seeded(f"sign in {person}"), acting(f"user:{USERNAMES[person]}"):
                    client.force_login(User.objects.get(username=USERNAMES[person]))
            observer.clients[person] = client
        with observer.watching():
            yield observer
        transaction.set_rollback(True)


@contextmanager
def own_broker() -> Iterator[Redis]:
    """Publish into a numbered database of the broker that no other test uses; yield a client that reads it."""
    number = 8 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    before = settings.CELERY_BROKER_URL
    current_app.conf.broker_url = before.replace("virtual_host=0", f"virtual_host={number}")
    current_app.close()
    server = Redis(unix_socket_path=urlsplit(before).path, db=number)
    # The first message of each queue declares it as well; it is sent before anybody looks.
    current_app.send_task("suite.warm_up")
    current_app.send_task("suite.warm_up", queue="mail")
    server.flushdb()
    try:
        yield server
    finally:
        server.close()
        current_app.conf.broker_url = before
        current_app.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep request errors off the terminal; they are noted all the same."""
    before = logging.raiseExceptions
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = before


class Explorer:
    """Explores a world as one person and writes the plan of requests."""

    def __init__(self, world: Twin, observer: Observer, person: str) -> None:
        self.world, self.observer, self.person = world, observer, person
        self.asked: dict[Ask, Seen] = {}
        self.routes = routes()
        self.sent: Counter[str] = Counter()
        self.beyond: set[str] = set()

    def explore(self) -> dict[Ask, Seen]:
        """Ask for everything."""
        for route in self.routes:
            # Who stands beside a role (another site's, another study's) asks for records; pages are its role's.
            if self.person not in BESIDE or "<" in route.template:
                self._route(route)
            if route.template.startswith("api/v1/") and self.person in self.world.tokens:
                self._with_token(route)
        return self.asked

    def _route(self, route: Route) -> None:
        addresses = route.addresses(self.world)
        is_open = route.opens_for(self.person) and self.person in ROLES
        for address in addresses if is_open else addresses[:1]:
            seen = self._get(address, route)
            if is_open:
                self._follow(address, seen)
            for method, body, kind in SCRIPTED.get(route.name, ()) if is_open else ():
                self._ask(Ask(self.person, method, address, body, kind, SCRIPT_HEADERS, route.name))
            if seen["status"] == b"405" and not route.template.startswith("uploads"):
                break
        if is_open:
            self._rest(route, addresses[0])

    def _rest(self, route: Route, address: str) -> None:
        """What no page asks for: other methods, a cached copy, a body that no form would send, probes."""
        if self.person in WRITERS:
            self._ask(Ask(self.person, "POST", address, "nonsense=%00%FF&sequence=QVXZPH", route=route.name))
        if self.person != next(role for role in ROLES if route.opens_for(role)):
            return
        for method in ("DELETE", "HEAD"):
            self._ask(Ask(self.person, method, address, "{}" if method != "HEAD" else "", JSON, route=route.name))
        self._ask(Ask(self.person, "GET", address, headers=(("HTTP_IF_NONE_MATCH", '"x"'),), route=route.name))
        if "<" not in route.template and not route.template.startswith(("account", "api/v1")):
            for probe in PROBES:
                self._get(f"{address}?{probe}", route)

    def _with_token(self, route: Route) -> None:
        bearer = (("HTTP_AUTHORIZATION", f"Bearer {self.world.tokens[self.person]}"),)
        for probe in ("", *(PROBES if self.person == "statistician" else ())):
            address = f"/{route.template}?{probe}" if probe else f"/{route.template}"
            self._ask(Ask(self.person, "GET", address, headers=bearer, route=route.name))

    def _get(self, address: str, route: Route) -> Seen:
        return self._ask(Ask(self.person, "GET", address, route=route.name))

    def _follow(self, address: str, seen: Seen) -> None:
        """Fill in the forms of a page, and go where its links with a question lead."""
        if b"text/html" not in seen["headers"] or seen["status"] != b"200":
            return
        page = Page(seen["body"])
        for form in page.forms:
            self._fill(address, form)
        for link in page.links:
            target = urljoin(address, link)
            further = Ask(self.person, "GET", target, route=name_of(target))
            if "?" in target and not target.startswith("/static/") and further not in self.asked:
                self._follow(target, self._ask(further))

    def _fill(self, address: str, form: Form) -> None:
        target = urljoin(address, form.action) if form.action else address
        name = name_of(target)
        if form.method == "GET":
            self._ask(Ask(self.person, "GET", f"{urlsplit(target).path}?{form.filled()}", route=name))
        elif form.method == "POST":
            for body in dict.fromkeys((form.filled(), form.empty(), form.filled(last=True))):
                self.sent[name] += 1
                if self.sent[name] <= SENDINGS.get(name, 1 if "account" in target else 3):
                    self._ask(Ask(self.person, "POST", target, body, route=name))
            if (body := form.beyond()) and name not in self.beyond:
                self.beyond.add(name)
                self._ask(Ask(self.person, "POST", target, body, route=name))

    def _ask(self, ask: Ask) -> Seen:
        if ask not in self.asked:
            self.asked[ask] = self.observer.see(ask)
        return self.asked[ask]


def name_of(target: str) -> str:
    """Return the name of the route that an address belongs to."""
    try:
        return resolve(urlsplit(target).path, "studyportal.urls").view_name
    except Resolver404:
        return ""


def replay(observer: Observer, plan: Iterable[Ask], compare: Callable[[Ask, Seen], None]) -> None:
    """Ask the same again, in the same order."""
    for ask in plan:
        compare(ask, observer.see(ask))
