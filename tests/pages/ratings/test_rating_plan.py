"""The coordinator's plan and the investigator's alerts."""

import datetime
import re

import pytest
import time_machine

from ratings.models import RatingAssignment, SafetyAlert
from ratings.services import alerts
from studyportal import clock
from studyportal.accounts.roles import Role
from tests.factories import interviews, journey
from tests.factories.interviews import Interview, begun
from tests.factories.people import make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def page(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def session(world: World):
    journey.activate_list(world)
    held = journey.held(world, journey.randomized(world))
    held.planned_at = held.started_at
    held.save()
    return held


def key(world: World, session, timepoint: str = "pre_dose") -> str:
    assessment = world.study.assessments.get(instrument="MADRS", timepoint=timepoint)
    return f"{session.pk}:{assessment.pk}"


def test_the_plan_lists_what_waits_with_windows_and_raters(world: World, session, client_for) -> None:
    session.doses.update(given_by=world.second_rater)
    said = page(client_for(world.coordinator).get("/ratings/plan/"))
    assert "Waiting for a rater 2" in said
    assert "Second Rater gave a dose in this session" in said
    assert said.count("Choose a rater Rater Assign") == 2
    assert said.count("Kept away:") == 2
    assert "MADRS pre-dose Period 1" in said


def test_an_assessment_is_assigned_and_cancelled(world: World, session, client_for) -> None:
    coordinator = client_for(world.coordinator)
    posted = {"gap": key(world, session), "rater": str(world.rater.pk)}
    assert coordinator.post("/ratings/plan/assign/", posted).url == "/ratings/plan/"
    made = RatingAssignment.objects.get()
    assert (made.rater, made.assigned_by, made.status) == (world.rater, world.coordinator, "assigned")
    said = page(coordinator.get("/ratings/plan/"))
    assert "MADRS pre-dose of XO-001 is on Rater&#x27;s list." in said
    assert "Waiting for a rater 1" in said
    assert "Rater (rated this participant before)" in said
    assert made.code in coordinator.get("/ratings/plan/").content.decode()
    assert coordinator.post(f"/ratings/plan/{made.code}/cancel/").url == "/ratings/plan/"
    made.refresh_from_db()
    assert made.status == "cancelled"
    assert "Waiting for a rater 2" in page(coordinator.get("/ratings/plan/"))
    assert coordinator.post(f"/ratings/plan/{made.code}/cancel/").status_code == 404


def test_the_plan_shows_states_and_never_a_score(world: World, session, client_for) -> None:
    rating = journey.rated(world, journey.assigned(world, session))
    coordinator = client_for(world.coordinator)
    assert "None." in page(coordinator.get("/ratings/plan/")).split("Not signed yet")[1]
    for shown in ("signed", "all"):
        table = page(coordinator.get(f"/ratings/plan/?show={shown}&page=99")).split("Not signed yet")[1]
        assert "XO-001 Period 1, MADRS pre-dose Rater Signed" in table
        assert not re.search(r"\b24\b", table)
    assert "None." in page(coordinator.get("/ratings/plan/?show=nonsense")).split("Not signed yet")[1]
    assert rating.assignment.code not in coordinator.get("/ratings/plan/").content.decode()


@pytest.mark.parametrize(
    ("rater", "status", "said"),
    [
        ("", 422, "Choose a rater."),
        ("nobody", 422, "Choose one of the raters offered"),
        ("coordinator", 422, "Choose one of the raters offered"),
        ("second_rater", 409, "Second Rater ran this session, so cannot rate it. Who can: Rater."),
    ],
)
def test_who_cannot_rate_is_refused_with_the_reason(
    rater: str, status: int, said: str, world: World, session, client_for
) -> None:
    session.conducted_by = world.second_rater
    session.save()
    person = world.people.get(rater)
    posted = {"gap": key(world, session), "rater": str(person.pk) if person else rater}
    answer = client_for(world.coordinator).post("/ratings/plan/assign/", posted)
    assert answer.status_code == status
    assert said in page(answer)
    assert not RatingAssignment.objects.exists()


def test_nobody_left_is_said(world: World, session, client_for) -> None:
    session.conducted_by = world.second_rater
    session.save()
    session.doses.update(given_by=world.rater)
    assert "No rater can take it." in page(client_for(world.coordinator).get("/ratings/plan/"))


def test_what_is_assigned_already_or_elsewhere_is_not_there(world: World, session, client_for) -> None:
    journey.assigned(world, session)
    posted = {"gap": key(world, session), "rater": str(world.rater.pk)}
    other = posted | {"gap": key(world, session, "day_1")}
    assert client_for(world.coordinator).post("/ratings/plan/assign/", posted).status_code == 404
    for gap in ("", "x:y"):
        assert client_for(world.coordinator).post("/ratings/plan/assign/", {"gap": gap}).status_code == 404
    south = client_for(world.south_coordinator)
    assert south.post("/ratings/plan/assign/", other).status_code == 404
    assert south.post(f"/ratings/plan/{RatingAssignment.objects.get().code}/cancel/").status_code == 404
    assert "XO-001" not in page(south.get("/ratings/plan/"))
    assert client_for(world.outsider).post("/ratings/plan/assign/", other).status_code == 404
    assert RatingAssignment.objects.get().status == "assigned"


def test_a_begun_interview_is_not_cancelled(world: World, client_for) -> None:
    interview = begun(world)
    answer = client_for(world.coordinator).post(f"/ratings/plan/{interview.code}/cancel/")
    assert answer.status_code == 409
    assert "The interview has begun" in page(answer)
    interview.assignment.refresh_from_db()
    assert interview.assignment.status == "started"


def test_only_coordinators_plan(world: World, session, client_for) -> None:
    for role in set(world.people) - {
        "coordinator",
        "south_coordinator",
        "outsider",
        "pharmacist",
        "unblinded_statistician",
        "emergency_unblinder",
    }:
        client = client_for(world.people[role])
        # Raters may not know of the plan; the outsider is known to another study; the others sign in elsewhere.
        status = 404 if role in {"rater", "second_rater", "pharmacist", "unblinded_statistician"} else 403
        assert client.get("/ratings/plan/").status_code == status, role
        assert client.post("/ratings/plan/assign/", {"gap": key(world, session)}).status_code == status, role
    assert not RatingAssignment.objects.exists()


def test_more_participants_need_no_more_queries(
    world: World, session, client_for, django_assert_max_num_queries
) -> None:
    for _ in range(3):
        more = journey.randomized(world).sessions.get(period__number=1)
        more.planned_at = clock.now()
        more.save()
        journey.assigned(world, more)
    coordinator = client_for(world.coordinator)
    with django_assert_max_num_queries(30 + 4):  # the suite's own changes of login count as four
        coordinator.get("/ratings/plan/")


# safety alerts


@pytest.fixture
def alert(world: World) -> SafetyAlert:
    interviews.answer(begun(world), {10: 5})
    return SafetyAlert.objects.get()


def test_an_investigator_sees_and_acknowledges_an_alert(world: World, alert: SafetyAlert, client_for) -> None:
    investigator = client_for(world.investigator)
    said = page(investigator.get("/ratings/alerts/"))
    assert "Waiting for you 1" in said
    assert "XO-001 New" in said
    assert "has not confirmed the safety procedure yet" in said
    with time_machine.travel(alert.raised_at + datetime.timedelta(minutes=16)):
        assert "Waiting 16 minutes" in page(client_for(world.investigator).get("/ratings/alerts/"))
    alerts.acknowledge_as_rater(rating=alert.rating, by=world.rater)
    assert "started the safety procedure" in page(investigator.get("/ratings/alerts/"))
    name = f"{alert.pk}-action"
    address = f"/ratings/alerts/{alert.pk}/"
    assert investigator.post(address, {name: "Seen on the ward at 11:00"}).url == "/ratings/alerts/"
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.action) == (world.investigator, "Seen on the ward at 11:00")
    said = page(investigator.get("/ratings/alerts/"))
    assert "No alert waits." in said
    assert "Seen on the ward at 11:00" in said
    second = investigator.post(address, {name: "again"})
    assert second.status_code == 409
    assert "Investigator has acknowledged this alert already." in page(second)
    alert.refresh_from_db()
    assert alert.action == "Seen on the ward at 11:00"


@pytest.mark.parametrize(
    ("action", "said"),
    [(" ", "Enter what was done, in a sentence."), ("a" * 501, "Use at most 500 characters (501 now).")],
)
def test_an_acknowledgement_says_what_was_done(
    action: str, said: str, world: World, alert: SafetyAlert, client_for
) -> None:
    answer = client_for(world.investigator).post(f"/ratings/alerts/{alert.pk}/", {f"{alert.pk}-action": action})
    assert answer.status_code == 422
    assert said in page(answer)
    assert action in answer.content.decode()
    alert.refresh_from_db()
    assert alert.acknowledged_at is None


def test_an_alert_of_another_site_or_study_does_not_exist(world: World, alert: SafetyAlert, client_for) -> None:
    south = make_member("south-investigator", Role.INVESTIGATOR, world.study, world.other_site)
    outside = make_member("outside-investigator", Role.INVESTIGATOR, world.other_study)
    for person in (south, outside):
        client = client_for(person)
        assert "XO-001" not in page(client.get("/ratings/alerts/"))
        assert client.post(f"/ratings/alerts/{alert.pk}/", {f"{alert.pk}-action": "x"}).status_code == 404
    for role, status in (("rater", 404), ("coordinator", 403), ("monitor", 403)):
        assert client_for(world.people[role]).post(f"/ratings/alerts/{alert.pk}/").status_code == status
    alert.refresh_from_db()
    assert alert.acknowledged_at is None


def test_a_rating_without_alert_has_none_to_acknowledge(world: World) -> None:
    interview: Interview = begun(world)
    with pytest.raises(Exception, match="This rating raised no safety alert"):
        alerts.acknowledge_as_rater(rating=interview.rating, by=world.rater)
