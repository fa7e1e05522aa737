"""The worklist of each role, and the record with its timeline."""

import datetime
from collections.abc import Iterator

import pytest

from participants.models import Participant
from participants.services.consent import record_consent
from participants.services.eligibility import record_eligibility
from participants.services.withdrawal import withdraw
from ratings.models import RatingAssignment
from sessions.models import Period, StudySession
from sessions.services import conduct
from sessions.services.safety import report_adverse_event
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.reports.worklist_rows import Group
from studyportal.reports.worklists import worklist_for
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


def rows(viewer: User, world: World, at: datetime.datetime = NOW) -> list[tuple[str, str, str, str]]:
    with clock.at(at):
        tasks = worklist_for(viewer, world.study).tasks
    return [(task.group.value, task.what, task.when, task.action) for task in tasks]


def page(response) -> str:
    return response.content.decode()


# Screening


def test_screening_moves_from_one_hand_to_the_next(world: World) -> None:
    participant = journey.screened(world)
    assert rows(world.coordinator, world) == [
        ("Today", "Consent is missing", "screened just now", "Record consent"),
        ("Today", "Eligibility is not answered", "screened just now", "Answer criteria"),
    ]
    record_consent(participant=participant, form_version="3.1", signed_on=NOW.date(), by=world.coordinator)
    answers = journey.ANSWERS | {"E1": True}
    record_eligibility(participant=participant, answers=answers, by=world.coordinator)
    assert rows(world.coordinator, world) == [
        ("Today", "Not eligible: screening ends", "screened just now", "End screening")
    ]
    record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)
    assert rows(world.coordinator, world, NOW + DAY) == [
        ("Waiting for others", "Investigator: sign the eligibility", "screened 1 day ago", "Open")
    ]
    assert rows(world.investigator, world) == [
        ("Today", "Eligibility waits for your signature", "screened just now", "Sign")
    ]
    journey.sign_eligibility(participant=participant, by=world.investigator, password=journey.PASSWORD)
    assert rows(world.coordinator, world) == [("Today", "Ready to randomize", "screened just now", "Randomize")]
    assert rows(world.investigator, world) == [
        ("Waiting for others", "Coordinator: randomize", "screened just now", "Open")
    ]
    for watcher in (world.monitor, world.data_manager, world.imaging_analyst, world.south_coordinator):
        assert rows(watcher, world) == []


# Sessions


def test_sessions_are_planned_held_and_overdue(world: World) -> None:
    Period.objects.filter(study=world.study, number=1).update(latest_start_days=10)
    journey.activate_list(world)
    participant = journey.randomized(world)
    assert rows(world.coordinator, world) == [("Today", "Plan session 1", "closes Sat 5 Dec, 10 days", "Plan")]
    assert rows(world.coordinator, world, NOW + 11 * DAY) == [
        ("Overdue", "Plan session 1", "window closed Sat 5 Dec, yesterday", "Plan")
    ]
    session = participant.sessions.get(period__number=1)
    conduct.schedule(session=session, planned_at=NOW + 2 * DAY, by=world.coordinator)
    planned = [row for row in rows(world.coordinator, world) if "session 1" in row[1] and "MADRS" not in row[1]]
    assert planned == [("Next 7 days", "Hold session 1", "Fri 27 Nov, 12:00", "Open")]
    overdue = [row for row in rows(world.coordinator, world, NOW + 3 * DAY) if row[1].startswith("Session")]
    assert overdue == [("Overdue", "Session 1 was not started", "was planned for Fri 27 Nov, 12:00", "Open")]
    for watcher in (world.data_manager, world.statistician, world.monitor):
        seen = rows(watcher, world, NOW + 3 * DAY)
        assert ("Overdue", "Session 1 was not started", "was planned for Fri 27 Nov, 12:00", "View") in seen
        assert {row[0] for row in seen} == {"Overdue"}
        assert rows(watcher, world) == []


def test_a_session_in_progress_is_to_be_completed(world: World) -> None:
    journey.activate_list(world)
    session = journey.randomized(world).sessions.get(period__number=1)
    conduct.start(session=session, started_at=NOW - HOUR, by=world.coordinator)
    assert rows(world.coordinator, world) == [
        ("Today", "Complete session 1", "began Wed 25 Nov, 11:00", "Open"),
        ("Today", "Spectrum of session 1 is missing", "session on Wed 25 Nov", "Upload"),
    ]
    late = rows(world.coordinator, world, NOW + 2 * DAY)
    assert {row[0] for row in late} == {"Overdue"}


def test_the_second_session_waits_for_the_washout(world: World) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    journey.held(world, participant)

    def sessions_at(moment: datetime.datetime) -> list[tuple[str, str, str, str]]:
        return [row for row in rows(world.coordinator, world, moment) if "session 2" in row[1]]

    assert sessions_at(NOW) == []
    assert sessions_at(NOW + 10 * DAY) == [("Next 7 days", "Plan session 2", "opens Wed 9 Dec, 09:00, 4 days", "Plan")]
    second = participant.sessions.get(period__number=2)
    conduct.schedule(session=second, planned_at=NOW + 18 * DAY, by=world.coordinator)
    assert (
        "Next 7 days", "Hold session 2",
        "Sun 13 Dec, 12:00 · 18 days after the last infusion; washout needs 14", "Open",
    ) in sessions_at(NOW + 15 * DAY)  # fmt: skip


def test_a_missed_end_asks_for_the_withdrawal(world: World) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    for session in participant.sessions.order_by("period__number"):
        conduct.mark_missed(session=session, reason="Ill", by=world.coordinator)
    assert rows(world.coordinator, world) == [
        ("Today", "The last session was missed: record how it ended", "", "Record")
    ]
    assert rows(world.monitor, world) == []
    withdraw(participant=participant, reason="other", note="", withdrawn_on=NOW.date(), by=world.coordinator)
    assert rows(world.coordinator, world) == []


# Ratings and spectra


def test_ratings_are_assigned_awaited_and_missed(world: World) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    session = journey.held(world, participant)  # infusion at 09:00: pre-dose closes 09:00, day 1 is 26 Nov 05:00-13:00

    def madrs(viewer: User, moment: datetime.datetime = NOW) -> list[tuple[str, str, str, str]]:
        return [row for row in rows(viewer, world, moment) if "MADRS" in row[1]]

    assert madrs(world.coordinator) == [
        ("Overdue", "MADRS pre-dose, session 1: nobody rated", "window closed Wed 25 Nov, today", "Assign"),
        ("Next 7 days", "MADRS day 1, session 1: no rater yet", "opens Thu 26 Nov, 05:00, tomorrow", "Assign"),
    ]
    journey.assigned(world, session, "day_1")
    journey.rated(world, journey.assigned(world, session))
    assert madrs(world.coordinator, NOW + DAY) == [
        ("Waiting for others", "MADRS day 1, session 1: Rater", "closes today, 13:00", "Open")
    ]
    assert madrs(world.data_manager, NOW + 2 * DAY) == [
        ("Overdue", "MADRS day 1, session 1: Rater", "window closed Thu 26 Nov, yesterday", "View")
    ]
    assert madrs(world.imaging_analyst, NOW + 2 * DAY) == []
    assert RatingAssignment.objects.count() == 2


def test_missing_spectra_are_the_uploaders_and_the_watchers(world: World) -> None:
    journey.activate_list(world)
    journey.held(world, journey.randomized(world))

    def scans(viewer: User, moment: datetime.datetime) -> list[tuple[str, str, str, str]]:
        return [row for row in rows(viewer, world, moment) if "Spectrum" in row[1]]

    missing = "Spectrum of session 1 is missing"
    assert scans(world.imaging_analyst, NOW) == [("Today", missing, "session on Wed 25 Nov", "Upload")]
    assert scans(world.monitor, NOW) == []
    assert scans(world.monitor, NOW + 2 * DAY) == [("Overdue", missing, "session on Wed 25 Nov", "View")]
    assert scans(world.investigator, NOW + 2 * DAY) == []


def test_safety_alerts_come_to_the_investigator(world: World) -> None:
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    from ratings.services import drafts

    rating = drafts.start(assignment=journey.assigned(world, session), source="during", by=world.rater)
    change = drafts.Change(seq=1, item=10, field="value", value="5")
    drafts.save_changes(rating=rating, client="suite", known_version=1, changes=[change], by=world.rater)
    assert ("Today", "Safety alert", "raised just now", "Acknowledge") in rows(world.investigator, world)
    assert ("Overdue", "Safety alert", "raised 2 days ago", "Acknowledge") in rows(
        world.investigator, world, NOW + 2 * DAY
    )
    assert all(row[1] != "Safety alert" for row in rows(world.coordinator, world))


# The pages


def test_the_start_page_is_each_roles_own(world: World, client_for) -> None:
    journey.screened(world)
    shown = page(client_for(world.coordinator).get("/"))
    assert "<title>2 today · Worklist" in shown
    for calm in ("Nothing is overdue.", "Nothing is planned for the next seven days.", "Nothing waits for others."):
        assert calm in shown
    assert client_for(world.rater).get("/").url == "/ratings/"
    assert "No study data for your role" in page(client_for(world.administrator).get("/"))
    assert "Nothing waits for you today." in page(client_for(world.monitor).get("/"))
    assert client_for().get("/").status_code == 302


def test_long_groups_are_cut_and_say_so(world: World, client_for) -> None:
    Participant.objects.bulk_create(
        Participant(
            study=world.study, site=world.site, number=f"XO-{n:03d}", sex="F", age_years=30, screened_at=NOW - DAY,
            screened_by=world.coordinator,
        )
        for n in range(1, 15)
    )  # fmt: skip
    worklist = worklist_for(world.coordinator, world.study)
    assert worklist.count(Group.TODAY) == 28
    assert worklist.title == "28 today"
    assert "3 more; the first 25 are the most urgent." in page(client_for(world.coordinator).get("/"))


def test_the_record_shows_the_way_through_the_study(world: World, client_for) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    session = journey.held(world, participant)
    journey.rated(world, journey.assigned(world, session))
    report_adverse_event(
        session=session, term="Nausea", severity="mild", is_serious=False, started_at=NOW - HOUR, by=world.coordinator
    )
    second = participant.sessions.get(period__number=2)
    client = client_for(world.coordinator)
    assert "Plan session 2" in page(client.get("/participants/XO-001/"))
    conduct.schedule(session=second, planned_at=NOW + 18 * DAY, by=world.coordinator)
    shown = page(client.get("/participants/XO-001/"))
    for words in (
        "Treatment hidden", "Hold session 2, planned 13 Dec 2026", "Washout 14 d", "until Wed 9 Dec", "Period 2",
        "Planned Sun 13 Dec, 12:00", "from 9 Dec 2026", "Signed", "No spectrum", participant.randomization_number,
        "Withdraw from study", "none recorded", "MADRS day 1",
    ):  # fmt: skip
        assert words in shown, words
    for treatment in ("Placebo", "Naltrexone", ">AB<", ">BA<"):
        assert treatment not in shown


def test_each_role_sees_its_part_of_the_record(world: World, client_for) -> None:
    journey.activate_list(world)
    journey.held(world, journey.randomized(world))
    seen = {
        "coordinator": (True, True, True), "investigator": (True, True, True), "monitor": (True, True, False),
        "data_manager": (False, True, False), "statistician": (False, True, False),
        "imaging_analyst": (False, False, False),
    }  # fmt: skip
    for role, (safety, ratings, identity) in seen.items():
        shown = page(client_for(world.people[role]).get("/participants/XO-001/"))
        assert ("Adverse events" in shown) is safety, role
        assert ("MADRS pre-dose" in shown) is ratings, role
        assert ("Show identity" in shown) is identity, role
        assert "MRS during infusion" in shown
    assert client_for(world.rater).get("/participants/XO-001/").status_code == 404
    assert client_for(world.coordinator).get("/participants/XO-999/").status_code == 404


def test_the_record_offers_what_comes_next_in_screening(world: World, client_for) -> None:
    participant = journey.screened(world)
    client, investigator = client_for(world.coordinator), client_for(world.investigator)
    shown = page(client.get("/participants/XO-001/"))
    assert 'href="/participants/XO-001/consent/">Record consent' in shown
    assert "not answered" in shown
    record_consent(participant=participant, form_version="3.1", signed_on=NOW.date(), by=world.coordinator)
    record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)
    assert "Withdraw consent" in page(client.get("/participants/XO-001/"))
    assert "Sign eligibility" not in page(client.get("/participants/XO-001/"))
    assert "Sign eligibility" in page(investigator.get("/participants/XO-001/"))
    journey.sign_eligibility(participant=participant, by=world.investigator, password=journey.PASSWORD)
    assert 'href="/participants/XO-001/randomize/">Randomize' in page(client.get("/participants/XO-001/"))
    assert "Randomize</a>" not in page(investigator.get("/participants/XO-001/"))


def test_missed_and_later_stages_are_drawn(world: World, client_for) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    first, second = participant.sessions.order_by("period__number")
    client = client_for(world.coordinator)
    assert "begins with the infusion" in page(client.get("/participants/XO-001/"))
    conduct.mark_missed(session=first, reason="Ill", by=world.coordinator)
    conduct.start(session=second, started_at=NOW - HOUR, by=world.coordinator)
    shown = page(client.get("/participants/XO-001/"))
    assert "The session was missed: Ill" in shown
    assert "stage period missed" in shown
    assert "stage period now" in shown
    assert "Complete session 2" in shown
    assert StudySession.objects.filter(status="in_progress").count() == 1


def test_a_kept_washout_is_counted(world: World, client_for) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    journey.held(world, participant)
    client = client_for(world.coordinator)
    with clock.at(NOW + 16 * DAY):
        assert "over since Wed 9 Dec" in page(client.get("/participants/XO-001/"))
    with clock.at(NOW + 20 * DAY):
        journey.held(world, participant, 2)
        assert "kept: 20 days" in page(client.get("/participants/XO-001/"))
