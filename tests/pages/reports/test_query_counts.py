"""Dashboards and tables cost at most 30 queries, however many rows there are, and draw no figure to render a page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from studyportal.reports import progress_figures, unblinded_figures
from tests.factories import journey, outcomes
from tests.factories.world import World

pytestmark = pytest.mark.django_db

MOST = 30
BLOCKS = ((-8.0, 1.2), (0.0, 1.3), (8.0, 1.4))
PAGES = [
    ("coordinator", "web", "/progress/"),
    ("investigator", "web", "/progress/"),
    ("monitor", "web", "/progress/"),
    ("statistician", "web", "/progress/"),
    ("statistician", "web", "/progress/figures/snr.json"),
    ("statistician", "web", "/api/v1/madrs_totals/"),
    ("statistician", "web", "/api/v1/mrs_concentrations/"),
    ("imaging_analyst", "web", "/spectra/"),
    ("unblinded_statistician", "vault", "/report/"),
    ("unblinded_statistician", "vault", "/report/figures/madrs.json"),
    ("unblinded_statistician", "vault", "/report/figures/course.json"),
    ("unblinded_statistician", "vault", "/log/"),
]


def measured(world: World, count: int) -> None:
    for number in range(count):
        outcomes.measured(world, sex="FM"[number % 2], totals=[(30, 12), (28, 20)], courses=[BLOCKS, BLOCKS])


def test_every_page_keeps_its_bound_while_rows_double(world: World, client_for) -> None:
    journey.activate_list(world)
    measured(world, 2)
    clients = {name: client_for(world.people[name], door) for name, door, _ in PAGES}

    def counted(name: str, address: str) -> int:
        clients[name].get(address)
        with CaptureQueriesContext(connection) as queries:
            assert clients[name].get(address).status_code == 200, address
        # Not the suite's own changes of role.
        return sum("SESSION AUTHORIZATION" not in query["sql"] for query in queries)

    before = {(name, address): counted(name, address) for name, _, address in PAGES}
    measured(world, 2)
    after = {(name, address): counted(name, address) for name, _, address in PAGES}
    assert after == before
    assert {place: count for place, count in after.items() if count > MOST} == {}


def test_pages_are_rendered_without_drawing(world: World, client_for, monkeypatch) -> None:
    journey.activate_list(world)
    measured(world, 2)

    def drawn(*_: object, **__: object) -> None:
        raise AssertionError("a page asked for the drawing")

    monkeypatch.setattr(progress_figures, "framed", drawn)
    for name in ("slopes", "course", "responders"):
        monkeypatch.setattr(unblinded_figures, name, drawn)
    assert client_for(world.monitor).get("/progress/").content.count(b"data-figure-url") == 4
    assert client_for(world.unblinded_statistician, "vault").get("/report/").content.count(b"data-figure-url") == 3
