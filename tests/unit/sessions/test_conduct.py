"""Planning, holding, missing and dosing: each act beside its refusals, which change nothing."""

import datetime
from collections.abc import Iterator

import pytest

from participants.models import Participant
from participants.services.withdrawal import withdraw
from sessions.models import AdverseEvent, Dose, Period, ProtocolDeviation, StudySession
from sessions.policies import infusion_start, session_window, washout_anchor, washout_words
from sessions.selectors import (
    deviations_of,
    dose_rows,
    planned_dose,
    randomized_for,
    running_dose,
    session_for,
    sessions_for,
    sessions_of,
    window_for,
)
from sessions.services import conduct
from sessions.services.safety import report_adverse_event
from studyportal import clock
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def participant(world: World) -> Participant:
    journey.activate_list(world)
    return journey.randomized(world)


@pytest.fixture
def first(participant: Participant) -> StudySession:
    return participant.sessions.get(period__number=1)


@pytest.fixture
def second(participant: Participant) -> StudySession:
    return participant.sessions.get(period__number=2)


def now(session: StudySession) -> StudySession:
    return StudySession.objects.get(pk=session.pk)


def begun(world: World, session: StudySession, at: datetime.datetime = NOW - 3 * HOUR) -> StudySession:
    return conduct.start(session=session, started_at=at, by=world.coordinator)


# Planning


def test_a_session_is_planned_by_the_coordinator_only(world: World, first: StudySession) -> None:
    for stranger in (world.investigator, world.rater, world.south_coordinator):
        with pytest.raises(NotPermitted):
            conduct.schedule(session=first, planned_at=NOW + DAY, by=stranger)
    assert now(first).planned_at is None
    conduct.schedule(session=first, planned_at=NOW + DAY, by=world.coordinator)
    assert now(first).planned_at == NOW + DAY


def test_planning_inside_the_washout_is_a_hard_stop_in_the_sites_words(
    world: World, participant: Participant, second: StudySession
) -> None:
    journey.held(world, participant)  # infusion at 09:00 UTC on 25 Nov
    with pytest.raises(InvalidInput) as refusal:
        conduct.schedule(session=second, planned_at=NOW + 10 * DAY, by=world.coordinator)
    assert refusal.value.message == "The washout is too short: 10 days after the last infusion; washout needs 14."
    assert refusal.value.fields == {"planned_at": "Enter 9 Dec 2026, 09:00 GMT or later."}
    assert now(second).planned_at is None
    exactly = NOW - 3 * HOUR + 14 * DAY
    with pytest.raises(InvalidInput):
        conduct.schedule(session=second, planned_at=exactly - datetime.timedelta(seconds=1), by=world.coordinator)
    conduct.schedule(session=second, planned_at=exactly, by=world.coordinator)
    assert now(second).planned_at == exactly


def test_a_plan_for_the_first_session_counts_for_the_second(
    world: World, first: StudySession, second: StudySession
) -> None:
    conduct.schedule(session=first, planned_at=NOW + 10 * DAY, by=world.coordinator)
    with pytest.raises(InvalidInput, match="before the last infusion; washout needs 14 days after it"):
        conduct.schedule(session=second, planned_at=NOW + 9 * DAY, by=world.coordinator)
    with pytest.raises(InvalidInput, match="1 day after the last infusion; washout needs 14"):
        conduct.schedule(session=second, planned_at=NOW + 11 * DAY, by=world.coordinator)


def test_planning_after_the_window_needs_a_reason(world: World, second: StudySession, first: StudySession) -> None:
    Period.objects.filter(study=world.study, number=2).update(latest_start_days=35)
    conduct.schedule(session=first, planned_at=NOW, by=world.coordinator)
    late = NOW + 36 * DAY
    with pytest.raises(InvalidInput) as refusal:
        conduct.schedule(session=second, planned_at=late, by=world.coordinator, reason=" ")
    assert refusal.value.fields == {"reason": "The window closes on 30 Dec 2026. Say why the date is later."}
    assert now(second).planned_at is None
    conduct.schedule(session=second, planned_at=late, by=world.coordinator, reason=" Scanner down ")
    assert (now(second).planned_at, now(second).planned_reason) == (late, "Scanner down")


def test_only_planned_sessions_of_people_in_the_study_are_planned(
    world: World, participant: Participant, first: StudySession, second: StudySession
) -> None:
    begun(world, first)
    with pytest.raises(InvalidState, match="its date is no longer planned"):
        conduct.schedule(session=first, planned_at=NOW + DAY, by=world.coordinator)
    withdraw(participant=participant, reason="lost", note="", withdrawn_on=NOW.date(), by=world.coordinator)
    with pytest.raises(InvalidState, match=r"XO-001 has left the study \(withdrawn\)"):
        conduct.schedule(session=second, planned_at=NOW + 20 * DAY, by=world.coordinator)
    assert now(second).planned_at is None


# Starting


def test_a_session_starts_once_at_its_actual_time(world: World, first: StudySession) -> None:
    for stranger in (world.monitor, world.rater, world.south_coordinator):
        with pytest.raises(NotPermitted):
            conduct.start(session=first, started_at=NOW, by=stranger)
    with pytest.raises(InvalidInput) as refusal:
        conduct.start(session=first, started_at=NOW + 2 * HOUR, by=world.coordinator)
    assert refusal.value.fields == {"started_at": "Enter the actual time, not a later one."}
    assert now(first).status == "planned"
    begun(world, first)
    assert (now(first).status, now(first).conducted_by) == ("in_progress", world.coordinator)
    with pytest.raises(InvalidState, match="begun already"):
        begun(world, first)


def test_the_washout_and_the_open_session_before_stop_a_start(
    world: World, participant: Participant, first: StudySession, second: StudySession
) -> None:
    with pytest.raises(InvalidState, match=r"Complete the session of period 1 first\."):
        begun(world, second)
    journey.held(world, participant)
    with pytest.raises(InvalidInput) as refusal:
        begun(world, second, NOW)
    assert refusal.value.fields == {"started_at": "Enter 9 Dec 2026, 09:00 GMT or later."}
    assert now(second).status == "planned"
    with clock.at(NOW + 15 * DAY):
        begun(world, second, NOW + 15 * DAY)
    assert now(second).status == "in_progress"
    assert not ProtocolDeviation.objects.exists()


def test_a_start_after_the_window_is_a_deviation(
    world: World, participant: Participant, first: StudySession, second: StudySession
) -> None:
    Period.objects.filter(study=world.study, number=2).update(latest_start_days=20)
    journey.held(world, participant)
    conduct.schedule(session=second, planned_at=NOW + 21 * DAY, by=world.coordinator, reason="Scanner down")
    with clock.at(NOW + 21 * DAY):
        begun(world, second, NOW + 21 * DAY)
    assert [(d.code, d.description) for d in deviations_of(second)] == [(
        "outside_window",
        "The session began after its window, which closed on 15 Dec 2026. Reason given: Scanner down",
    )]  # fmt: skip
    assert now(second).status == "in_progress"


# Doses


def test_doses_are_recorded_once_at_their_actual_times(world: World, first: StudySession) -> None:
    with pytest.raises(InvalidState, match="while the session is in progress"):
        conduct.record_dose(session=first, kind="infusion", started_at=NOW, ended_at=None, by=world.coordinator)
    begun(world, first)
    with pytest.raises(NotFound, match="no such dose"):
        conduct.record_dose(session=first, kind="sweets", started_at=NOW, ended_at=None, by=world.coordinator)
    with pytest.raises(NotPermitted):
        conduct.record_dose(session=first, kind="infusion", started_at=NOW, ended_at=None, by=world.monitor)
    for times, field, words in (
        ((NOW - 4 * HOUR, None), "started_at", "Enter a time after the session's start."),
        ((NOW + HOUR, None), "started_at", "Enter the actual time, not a later one."),
        ((NOW - HOUR, NOW - 2 * HOUR), "ended_at", "Enter a time after the dose's start."),
        ((NOW - HOUR, NOW + HOUR), "ended_at", "Enter the actual time, not a later one."),
    ):
        with pytest.raises(InvalidInput) as refusal:
            conduct.record_dose(
                session=first, kind="infusion", started_at=times[0], ended_at=times[1], by=world.coordinator
            )
        assert refusal.value.fields == {field: words}
    assert not Dose.objects.exists()
    conduct.record_dose(session=first, kind="infusion", started_at=NOW - HOUR, ended_at=None, by=world.coordinator)
    with pytest.raises(InvalidState, match="The ketamine infusion is on record already"):
        conduct.record_dose(session=first, kind="infusion", started_at=NOW, ended_at=None, by=world.coordinator)
    assert Dose.objects.get().started_at == NOW - HOUR


def test_a_running_dose_is_ended_later(world: World, first: StudySession) -> None:
    begun(world, first)
    with pytest.raises(InvalidState, match="has not begun"):
        conduct.end_dose(session=first, kind="infusion", ended_at=NOW, by=world.coordinator)
    conduct.record_dose(session=first, kind="infusion", started_at=NOW - HOUR, ended_at=None, by=world.coordinator)
    assert [row.is_running for row in dose_rows(now(first))] == [False, True]
    assert running_dose(now(first), "infusion") is not None
    assert running_dose(now(first), "pretreatment") is None
    with pytest.raises(NotPermitted):
        conduct.end_dose(session=first, kind="infusion", ended_at=NOW, by=world.data_manager)
    with pytest.raises(InvalidInput, match="ends before it starts"):
        conduct.end_dose(session=first, kind="infusion", ended_at=NOW - 2 * HOUR, by=world.coordinator)
    assert Dose.objects.get().ended_at is None
    conduct.end_dose(session=first, kind="infusion", ended_at=NOW, by=world.coordinator)
    with pytest.raises(InvalidState, match="has ended already"):
        conduct.end_dose(session=first, kind="infusion", ended_at=NOW, by=world.coordinator)
    assert Dose.objects.get().ended_at == NOW


# Completing


def test_completing_records_what_is_missing(world: World, participant: Participant, first: StudySession) -> None:
    begun(world, first)
    conduct.record_dose(session=first, kind="infusion", started_at=NOW - HOUR, ended_at=None, by=world.coordinator)
    conduct.complete(session=first, completed_at=NOW, by=world.investigator)
    assert sorted(d.description for d in deviations_of(first)) == [
        "Pretreatment capsule was not recorded.", "The end of the ketamine infusion was not recorded.",
    ]  # fmt: skip
    assert Participant.objects.get(pk=participant.pk).status == "randomized"


def test_completing_refuses_strangers_and_wrong_times(world: World, first: StudySession) -> None:
    with pytest.raises(InvalidState, match="Only a session in progress"):
        conduct.complete(session=first, completed_at=NOW, by=world.coordinator)
    begun(world, first)
    conduct.record_dose(
        session=first, kind="infusion", started_at=NOW - HOUR, ended_at=NOW - HOUR / 2, by=world.coordinator
    )
    with pytest.raises(NotPermitted):
        conduct.complete(session=first, completed_at=NOW, by=world.imaging_analyst)
    for moment, words in (
        (NOW - 4 * HOUR, "The end lies before the start."),
        (NOW - HOUR, "The end lies before a dose."),
        (NOW + HOUR, "The time lies in the future."),
    ):
        with pytest.raises(InvalidInput) as refusal:
            conduct.complete(session=first, completed_at=moment, by=world.coordinator)
        assert refusal.value.message == words
        assert list(refusal.value.fields) == ["completed_at"]
    assert now(first).status == "in_progress"
    assert not ProtocolDeviation.objects.exists()


def test_the_last_session_completes_the_participant(
    world: World, participant: Participant, second: StudySession
) -> None:
    journey.held(world, participant)
    with clock.at(NOW + 20 * DAY):
        journey.held(world, participant, 2)
    assert Participant.objects.get(pk=participant.pk).status == "completed"
    assert not ProtocolDeviation.objects.exists()


def test_who_withdrew_in_a_session_stays_withdrawn_when_it_ends(
    world: World, participant: Participant, first: StudySession, second: StudySession
) -> None:
    begun(world, first)
    withdraw(participant=participant, reason="adverse_event", note="", withdrawn_on=NOW.date(), by=world.coordinator)
    conduct.complete(session=first, completed_at=NOW, by=world.coordinator)
    assert now(first).status == "completed"
    assert Participant.objects.get(pk=participant.pk).status == "withdrawn"
    with clock.at(NOW + 20 * DAY), pytest.raises(InvalidState, match="has left the study"):
        begun(world, second, NOW + 20 * DAY)


# Missing


def test_a_missed_session_is_a_deviation_and_gives_no_washout(
    world: World, participant: Participant, first: StudySession, second: StudySession
) -> None:
    with pytest.raises(InvalidState, match="Complete the session of period 1 first"):
        conduct.mark_missed(session=second, reason="Ill", by=world.coordinator)
    with pytest.raises(NotPermitted):
        conduct.mark_missed(session=first, reason="Ill", by=world.monitor)
    with pytest.raises(InvalidInput) as refusal:
        conduct.mark_missed(session=first, reason="  ", by=world.coordinator)
    assert refusal.value.fields == {"reason": "Enter the reason in a few words."}
    assert now(first).status == "planned"
    conduct.mark_missed(session=first, reason=" Ill ", by=world.coordinator)
    assert (now(first).status, now(first).missed_reason) == ("missed", "Ill")
    assert deviations_of(first)[0].description == "The session was missed: Ill"
    with pytest.raises(InvalidState, match="begun already, or was missed"):
        conduct.mark_missed(session=first, reason="Ill", by=world.coordinator)
    begun(world, second)
    conduct.complete(session=second, completed_at=NOW, by=world.coordinator)
    assert Participant.objects.get(pk=participant.pk).status == "completed"


def test_missing_the_last_session_leaves_the_end_to_the_coordinator(
    world: World, participant: Participant, second: StudySession
) -> None:
    journey.held(world, participant)
    conduct.mark_missed(session=second, reason="Moved away", by=world.coordinator)
    assert Participant.objects.get(pk=participant.pk).status == "randomized"


# Adverse events


def test_adverse_events_are_reported_by_the_site(world: World, first: StudySession) -> None:
    begun(world, first)
    event = report_adverse_event(
        session=first, term=" Nausea ", severity="mild", is_serious=False, started_at=NOW - HOUR, ended_at=NOW,
        by=world.investigator,
    )  # fmt: skip
    assert (event.term, event.ended_at, str(event)) == ("Nausea", NOW, "Nausea")
    for stranger in (world.rater, world.imaging_analyst, world.monitor, world.south_coordinator):
        with pytest.raises(NotPermitted):
            report_adverse_event(
                session=first, term="Nausea", severity="mild", is_serious=False, started_at=NOW, by=stranger
            )
    assert AdverseEvent.objects.count() == 1


def test_adverse_events_refuse_bad_input(world: World, first: StudySession) -> None:
    begun(world, first)
    with pytest.raises(InvalidInput) as refusal:
        report_adverse_event(
            session=first, term=" ", severity="awful", is_serious=True, started_at=NOW + HOUR, ended_at=NOW,
            by=world.coordinator,
        )  # fmt: skip
    assert refusal.value.fields == {
        "term": "Say what happened in a few words.", "severity": "Choose mild, moderate or severe.",
        "started_at": "The time cannot lie in the future.", "ended_at": "The end lies before the start.",
    }  # fmt: skip
    with pytest.raises(InvalidInput) as refusal:
        report_adverse_event(
            session=first, term="Nausea", severity="mild", is_serious=False, started_at=NOW, ended_at=NOW + HOUR,
            by=world.coordinator,
        )  # fmt: skip
    assert refusal.value.fields == {"ended_at": "The time cannot lie in the future."}
    assert not AdverseEvent.objects.exists()


# Policies and reads


def test_the_window_is_counted_from_the_last_session_that_gave_something(
    world: World, participant: Participant, first: StudySession, second: StudySession
) -> None:
    Period.objects.filter(study=world.study, number=1).update(latest_start_days=30)
    assert window_for(now(first)).opens_at == NOW
    assert window_for(now(first)).closes_at == NOW + 30 * DAY
    assert window_for(now(second)).anchor is None
    assert washout_words(window_for(now(second)), NOW, 14) == "No washout before this session."
    begun(world, first)
    assert washout_anchor(now(first)) == NOW - 3 * HOUR
    conduct.record_dose(session=first, kind="infusion", started_at=NOW - HOUR, ended_at=None, by=world.coordinator)
    assert infusion_start(now(first)) == NOW - HOUR
    window = session_window(now(second), sessions_of(participant))
    assert (window.anchor, window.opens_at, window.closes_at) == (NOW - HOUR, NOW - HOUR + 14 * DAY, None)
    assert washout_words(window, NOW + 18 * DAY, 14) == "18 days after the last infusion; washout needs 14"


def test_other_sites_sessions_do_not_exist(world: World, participant: Participant, first: StudySession) -> None:
    assert [s.period.number for s in sessions_for(world.coordinator, world.study)] == [1, 2]
    assert list(sessions_for(world.south_coordinator, world.study)) == []
    assert list(sessions_for(world.rater, world.study)) == []
    assert session_for(world.coordinator, world.study, "XO-001", 1) == first
    with pytest.raises(NotFound, match="XO-001 has no session in period 3"):
        session_for(world.coordinator, world.study, "XO-001", 3)
    with pytest.raises(NotFound, match="There is no participant XO-001 at your sites"):
        session_for(world.south_coordinator, world.study, "XO-001", 1)
    assert planned_dose(world.study, "infusion").duration_minutes == 40
    assert planned_dose(world.study, "sweets") is None


def test_a_receipt_needs_a_randomization(world: World, participant: Participant) -> None:
    assert randomized_for(world.monitor, world.study, "XO-001").randomized_by == world.coordinator
    journey.screened(world)
    with pytest.raises(NotFound, match="XO-002 has not been randomized yet"):
        randomized_for(world.coordinator, world.study, "XO-002")


def test_rows_say_what_they_are(world: World, participant: Participant, first: StudySession) -> None:
    journey.held(world, participant)
    conduct.mark_missed(session=participant.sessions.get(period__number=2), reason="Ill", by=world.coordinator)
    assert str(first) == f"session of {participant.pk} in {first.period_id}"
    assert str(Dose.objects.first()) == f"dose in {first.pk}"
    assert str(ProtocolDeviation.objects.get()) == "session_missed: The session was missed: Ill"
    assert str(planned_dose(world.study, "infusion")) == "Ketamine infusion"
    assert str(first.period) == "Period 1"
