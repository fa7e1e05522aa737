"""What the services refuse, with their own sentences and nothing changed."""

import datetime
import json

import pytest

from ratings import scoring
from ratings.models import InstrumentPack, Rating, RatingAssignment
from ratings.selectors import active_pack, open_alerts, rating_of, ratings_for, unassigned
from ratings.services import alerts, assignment, drafts, packs, signing
from ratings.visibility import closed_by
from sessions.services import safety
from studyportal import clock
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from tests.factories import interviews, journey
from tests.factories.interviews import Interview, begun, state
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db
COMPLETE = dict.fromkeys(range(1, 11), 2)


@pytest.fixture
def interview(world: World) -> Interview:
    return begun(world)


# assignment and firewall


@pytest.mark.parametrize("act", ["ran this session", "gave a dose in this session", "recorded an adverse event"])
def test_the_firewall_names_the_act_and_who_can(act: str, world: World) -> None:
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    if act == "ran this session":
        session.conducted_by = world.rater
        session.save()
    elif act == "gave a dose in this session":
        session.doses.update(given_by=world.rater)
    else:
        event = {"term": "Headache", "severity": "mild", "is_serious": False, "ended_at": None}
        reported = safety.report_adverse_event(session=session, started_at=clock.now(), by=world.coordinator, **event)
        reported.reported_by = world.rater
        reported.save()
    with pytest.raises(InvalidState, match=f"Rater {act}.*Who can: Second Rater") as refusal:
        journey.assigned(world, session)
    assert refusal.value.reason_code == "rater_firewall"
    assert not RatingAssignment.objects.exists()


def test_only_raters_are_assigned_once_and_by_who_may(world: World) -> None:
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    assessment = world.study.assessments.get(instrument="MADRS", timepoint="day_1")
    plan = {"session": session, "assessment": assessment}
    with pytest.raises(NotPermitted, match="Monitor is not a rater at this site"):
        assignment.assign(**plan, rater=world.monitor, by=world.coordinator)
    for stranger in (world.rater, world.south_coordinator, world.outsider):
        with pytest.raises(NotPermitted):
            assignment.assign(**plan, rater=world.rater, by=stranger)
    assert not RatingAssignment.objects.exists()
    made = assignment.assign(**plan, rater=world.rater, by=world.coordinator)
    with pytest.raises(InvalidState, match="assigned already"):
        assignment.assign(**plan, rater=world.second_rater, by=world.coordinator)
    with pytest.raises(NotPermitted):
        assignment.cancel(assignment=made, by=world.south_coordinator)
    assert RatingAssignment.objects.get() == made
    assert (str(made), made.status) == (made.code, "assigned")


def test_where_nobody_is_left_the_refusal_says_so(world: World) -> None:
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    session.doses.update(given_by=world.second_rater)
    session.conducted_by = world.rater
    session.save()
    with pytest.raises(InvalidState, match="Who can: nobody yet; add a rater"):
        journey.assigned(world, session)


# drafts


def test_a_draft_begins_once_for_its_own_rater(world: World) -> None:
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    made = journey.assigned(world, session)
    with pytest.raises(InvalidState, match="has not begun"):
        rating_of(made)
    with pytest.raises(NotPermitted, match="assigned to somebody else"):
        drafts.start(assignment=made, source="during", by=world.second_rater)
    with pytest.raises(NotPermitted):
        drafts.start(assignment=made, source="during", by=world.coordinator)
    with pytest.raises(InvalidInput, match="how the scores reach the form"):
        drafts.start(assignment=made, source="memory", by=world.rater)
    with pytest.raises(InvalidInput, match="in the future"):
        drafts.start(
            assignment=made, source="paper", by=world.rater, started_at=clock.now() + datetime.timedelta(hours=1)
        )
    assert not Rating.objects.exists()
    first = drafts.start(
        assignment=made, source="during", by=world.rater, started_at=clock.now() - datetime.timedelta(1)
    )
    assert clock.now() - first.started_at < datetime.timedelta(minutes=1)  # only paper has a time of its own
    assert drafts.start(assignment=made, source="paper", by=world.rater) == first
    assert str(first) == f"rating {made.pk}"


def test_a_cancelled_assignment_is_not_begun(world: World) -> None:
    journey.activate_list(world)
    made = journey.assigned(world, journey.held(world, journey.randomized(world)))
    assignment.cancel(assignment=made, by=world.coordinator)
    with pytest.raises(InvalidState, match="was cancelled"):
        drafts.start(assignment=made, source="during", by=world.rater)
    InstrumentPack.objects.filter(study=world.study).update(is_active=False)
    with pytest.raises(NotFound, match="No MADRS instrument pack is loaded"):
        active_pack(world.study, "MADRS")


def test_a_draft_is_saved_by_nobody_else(interview: Interview) -> None:
    before = state(interview)
    for stranger in (interview.world.second_rater, interview.world.coordinator):
        with pytest.raises(NotPermitted):
            drafts.save_changes(
                rating=interview.rating, client="x", known_version=1, changes=[drafts.Change(1, 1, "value", "3")],
                by=stranger,
            )  # fmt: skip
    assert state(interview) == before


def test_the_log_tells_what_a_version_showed(interview: Interview) -> None:
    interviews.answer(interview, {1: 3, 2: 4})
    interviews.answer(interview, {1: 5})
    shown = [{i: a.value for i, a in drafts.answers_at(interview.rating, v).items()} for v in (1, 2, 3)]
    assert shown == [{}, {1: 3, 2: 4}, {1: 5, 2: 4}]
    assert str(interview.rating.scores.get(item=1)) == f"item 1 of {interview.rating.pk}"
    assert str(interview.rating.draft_events.get(item=2)) == f"change 2 of {interview.rating.pk}"


# signature and correction


def sign(interview: Interview, **changed: object) -> Rating:
    said = {"known_version": 2, "ended_at": clock.now(), "source": "during", "password": PASSWORD}
    return signing.sign(**{"rating": interview.rating, "by": interview.world.rater, **said, **changed})


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"known_version": 1}, InvalidState, "changed in another window"),
        ({"ended_at": "before"}, InvalidInput, "cannot be signed yet"),
        ({"ended_at": "after"}, InvalidInput, "cannot be signed yet"),
        ({"source": "dream"}, InvalidInput, "cannot be signed yet"),
        ({"password": "wrong"}, InvalidInput, "password does not match"),
        ({"by": "second_rater"}, NotPermitted, "belongs to somebody else"),
        ({"by": "coordinator"}, NotPermitted, "does not include"),
    ],
)
def test_a_refused_signature_changes_nothing(
    changed: dict[str, object], kind: type, said: str, interview: Interview
) -> None:
    interviews.answer(interview, COMPLETE)
    before = state(interview)
    hour = datetime.timedelta(hours=1)
    times = {"before": interview.rating.started_at - hour, "after": clock.now() + hour}
    given = {k: times.get(v, v) if k == "ended_at" else v for k, v in changed.items()}
    if "by" in given:
        given["by"] = interview.world.people[given["by"]]
    with pytest.raises(kind, match=said):
        sign(interview, **given)
    assert state(interview) == before


def test_a_signed_rating_is_not_signed_twice(interview: Interview) -> None:
    interviews.answer(interview, COMPLETE)
    sign(interview)
    before = state(interview)
    with pytest.raises(InvalidState, match="signed already"):
        sign(interview)
    assert state(interview) == before
    assert [r.pk for r in ratings_for(interview.world.statistician, interview.world.study)] == [interview.rating.pk]
    assert not ratings_for(interview.world.rater, interview.world.study).exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"item": 11}, "item"), ({"item": 0}, "item"),
        ({"new_value": 7}, "new_value"), ({"new_value": -1}, "new_value"),
        ({"reason": "whim"}, "reason"), ({"reason_text": "  "}, "reason_text"), ({"new_value": 2}, "new_value"),
        ({"password": "wrong"}, "password"),
    ],
)  # fmt: skip
def test_a_refused_correction_changes_nothing(changed: dict[str, object], field: str, interview: Interview) -> None:
    interviews.answer(interview, COMPLETE)
    sign(interview)
    before = state(interview)
    said = {"item": 3, "new_value": 5, "reason": "slip", "reason_text": "Slip.", "password": PASSWORD} | changed
    with pytest.raises(InvalidInput) as refusal:
        signing.correct(rating=interview.rating, by=interview.world.rater, **said)
    assert list(refusal.value.fields) == [field]
    assert state(interview) == before


def test_a_correction_is_the_raters_own(interview: Interview) -> None:
    interviews.answer(interview, COMPLETE)
    sign(interview)
    before = state(interview)
    said = {"item": 3, "new_value": 5, "reason": "slip", "reason_text": "Slip.", "password": PASSWORD}
    for stranger in (interview.world.second_rater, interview.world.coordinator):
        with pytest.raises(NotPermitted):
            signing.correct(rating=interview.rating, by=stranger, **said)
    assert state(interview) == before
    done = signing.correct(rating=interview.rating, by=interview.world.rater, **said)
    assert str(done) == f"correction of item 3 of {interview.rating.pk}"


# alerts


def test_an_alert_is_acknowledged_once_by_who_may(interview: Interview) -> None:
    interviews.answer(interview, {10: 4})
    alert = interview.rating.safety_alert
    investigator = interview.world.investigator
    assert str(alert) == f"safety alert of {interview.rating.pk}"
    assert list(open_alerts(investigator, interview.world.study)) == [alert]
    with pytest.raises(InvalidState, match="raised no safety alert"):
        alerts.acknowledge_as_rater(rating=interview.rating, by=interview.world.second_rater)
    with pytest.raises(NotPermitted):
        alerts.acknowledge(alert=alert, action="Seen.", by=interview.world.coordinator)
    with pytest.raises(InvalidInput, match="Say what was done"):
        alerts.acknowledge(alert=alert, action=" ", by=investigator)
    first = alerts.acknowledge_as_rater(rating=interview.rating, by=interview.world.rater).rater_acknowledged_at
    assert alerts.acknowledge_as_rater(rating=interview.rating, by=interview.world.rater).rater_acknowledged_at == first
    alerts.acknowledge(alert=alert, action=" Seen. ", by=investigator)
    with pytest.raises(InvalidState, match="has acknowledged this alert already"):
        alerts.acknowledge(alert=alert, action="Seen.", by=investigator)
    alert.refresh_from_db()
    assert alert.action == "Seen."
    assert not open_alerts(investigator, interview.world.study).exists()


# packs


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"licence_holder": ""}, "lacks “licence_holder”"),
        ({"items": [{"number": 1}]}, "items 1 to 10 in order"),
        ({"items": {"1": "x"}}, "items 1 to 10 in order"),
        ({"anchors": {"7": "beyond"}}, "Item 1 needs a title and anchors"),
    ],
)
def test_a_broken_pack_is_not_loaded(broken: dict[str, object], said: str, world: World) -> None:
    document = json.loads(packs.PLACEHOLDER.read_text()) | {"version": "2"}
    if "anchors" in broken:
        document["items"][0] |= broken
    else:
        document |= broken
    with pytest.raises(InvalidInput, match=said):
        packs.load_pack(study=world.study, document=document, by=None)
    assert InstrumentPack.objects.filter(study=world.study).count() == 1


def test_a_new_pack_takes_over_and_is_loaded_once(world: World) -> None:
    document = json.loads(packs.PLACEHOLDER.read_text()) | {"version": "2"}
    made = packs.load_pack(study=world.study, document=document, by=world.administrator)
    assert (active_pack(world.study, "MADRS"), str(made)) == (made, "MADRS 2 (en-GB)")
    with pytest.raises(InvalidState, match="loaded already"):
        packs.load_pack(study=world.study, document=document, by=None)


# scoring and visibility


def test_the_total_is_the_servers_and_missing_with_any_item() -> None:
    assert scoring.total(dict.fromkeys(range(1, 11), 6)) == 60
    assert scoring.total(dict.fromkeys(range(1, 10), 6)) is None
    assert [scoring.is_response(*pair) for pair in ((20, 10), (20, 11), (0, 0), (None, 3), (20, None))] == [
        True, False, None, None, None,
    ]  # fmt: skip


def test_only_a_due_or_open_interview_with_the_same_person_hides_earlier_scores(world: World) -> None:
    journey.activate_list(world)
    session, elsewhere = (journey.held(world, journey.randomized(world)) for _ in range(2))
    signed = journey.rated(world, journey.assigned(world, session)).assignment
    day_1 = journey.assigned(world, session, "day_1")
    other = journey.assigned(world, elsewhere, "day_1")
    now, later = clock.now(), clock.now() + datetime.timedelta(hours=24)
    assert closed_by(signed, [signed, day_1, other], now) is None
    assert closed_by(signed, [signed, other, day_1], later) == day_1
    assert closed_by(signed, [other], later) is None
    day_1.status = RatingAssignment.Status.STARTED
    assert closed_by(signed, [day_1], now) == day_1
    day_1.status = RatingAssignment.Status.SIGNED
    assert closed_by(signed, [day_1], later) is None
    assert unassigned(world.rater, world.study) == []
