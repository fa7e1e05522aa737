"""The functional blind: for a rater, what the scanner, the ward and other raters found does not exist."""

import pytest
from django.db import connection

from tests.blinding.comparison import explored, first_difference
from tests.blinding.crawl import looking, replay
from tests.blinding.observation import Ask, Seen
from tests.blinding.report import add
from tests.blinding.routes import routes
from tests.factories.worlds import connected, twin

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]

# What reaches the person: the database and the store do hold the exchanged outcomes.
REACHES = ("status", "headers", "cookies", "body", "mail", "broker")
SCORES = (
    "SELECT s.item, s.value FROM public.ratings_itemscore s JOIN public.ratings_rating r ON r.id = s.rating_id"
    " WHERE r.signed_at IS NOT NULL ORDER BY r.id, s.item"
)
OUTCOMES = (
    "SELECT term, severity FROM public.study_sessions_adverseevent ORDER BY started_at, id",
    "SELECT name, value FROM public.study_sessions_metaboliteestimate ORDER BY result_id, block, name, value",
    SCORES,
)


def own_signed(ask: Ask, seen: Seen) -> bool:
    """Whether a request shows the rater's own signed sheet, whose answers are exchanged like everybody's."""
    return b"signed" in seen["body"].lower() and ask.route.startswith("rating") and ask.route != "rating-worklist"


def test_the_outcomes_differ_between_the_two_worlds() -> None:
    for statement in OUTCOMES:
        found = []
        for name in ("base", "outcomes"):
            with connected(twin(name).database, "portal_web"), connection.cursor() as cursor:
                cursor.execute(statement)
                found.append(cursor.fetchall())
        assert len(found[0]) == len(found[1]) > 0
        assert found[0] != found[1]


@pytest.mark.parametrize("person", ["rater", "second_rater"])
def test_a_rater_sees_the_same_whatever_was_found_elsewhere(person: str) -> None:
    """Metabolites, adverse events and all signed ratings are exchanged; not a byte that reaches the rater follows."""
    assert twin("base").values == twin("outcomes").values
    plan = {ask: seen for ask, seen in explored(person).items() if not own_signed(ask, seen)}
    compared = {ask.route for ask in plan}
    # Every address of the door, whether a rater may open it or not; the second rater asks for records alone, and has
    # signed every sheet that there is of hers.
    expected = {route.name for route in routes() if person == "rater" or "<" in route.template}
    own = {"rating", "rating-start", "rating-correct", "rating-history"} if person == "second_rater" else set()
    assert expected - compared == own
    found: list[str] = []

    def compare(ask: Ask, seen: Seen) -> None:
        found.extend(
            f"{channel} of {ask.method} {ask.path}: {first_difference(seen[channel], plan[ask][channel])}"
            for channel in REACHES
            if seen[channel] != plan[ask][channel]
        )

    with looking(twin("outcomes"), [person]) as observer:
        replay(observer, plan, compare)
    add("requests of raters with outcomes exchanged", len(plan))
    add("differences of raters with outcomes exchanged", len(found))
    assert found == []


def test_a_rater_is_refused_everything_of_the_session() -> None:
    base = explored("rater")
    for route in ("participants", "session", "spectra", "quantification", "v1:adverse_events", "v1:madrs_totals"):
        answers = {seen["status"] for ask, seen in base.items() if ask.route == route}
        assert answers
        assert answers <= {b"401", b"403", b"404", b"405"}, route
    shown = b"".join(seen["body"] for seen in base.values()).lower()
    for word in (b"nausea", b"dizziness", b"glx/tnaa"):
        assert word not in shown
