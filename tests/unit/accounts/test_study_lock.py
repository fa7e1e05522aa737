"""The lock of a study: two signatures of two people, one place that refuses writes, and the way back with a reason."""

import datetime
import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from ratings.services import drafts
from sessions.services import conduct
from sessions.services.randomization import randomize
from studyportal import clock
from studyportal.accounts import study_lock
from studyportal.accounts.models import Signature, StudyMembership
from studyportal.accounts.roles import ROLE_PERMISSIONS, UNBLINDED_ROLES, WRITES, Permission, Role
from studyportal.accounts.selectors import LOCKED, StudyLocked, can, check
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from studyportal.reports.lock_questions import open_counts, questions_of
from studyportal.studies.models import Study, StudyLock
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def asked(world: World, **changed: object) -> StudyLock:
    said = {"study": world.study, "reason": "", "open_questions": {}, "password": PASSWORD, "by": world.data_manager}
    return study_lock.ask(**said | changed)


def confirmed(world: World, lock: StudyLock, **changed: object) -> StudyLock:
    said = {"study": world.study, "act_id": lock.pk, "open_questions": {}, "password": PASSWORD}
    return study_lock.confirm(**said | {"by": world.investigator} | changed)


def locked(world: World) -> StudyLock:
    made = confirmed(world, asked(world))
    world.study.refresh_from_db()
    return made


def test_two_people_lock_and_both_signatures_say_what_was_open(world: World) -> None:
    first = asked(world, open_questions={"sessions": 2}, reason="Two lost to follow-up", by=world.statistician)
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.RECRUITING
    done = confirmed(world, first, open_questions={"sessions": 2})
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.LOCKED
    assert (done.asked_by, done.confirmed_by) == (world.statistician.pk, world.investigator.pk)
    signed = Signature.objects.filter(record_label="studies.StudyLock", record_id=first.pk)
    assert [one.signer for one in signed] == [world.statistician, world.investigator]
    assert {one.content for one in signed} == {
        '{"act":"lock","open":{"sessions":2},"reason":"Two lost to follow-up","study":"XO"}'
    }
    assert study_lock.open_act(world.study) is None


@pytest.mark.parametrize("person", ["coordinator", "investigator", "monitor", "administrator", "rater", "outsider"])
def test_others_cannot_sign_first(world: World, person: str) -> None:
    with pytest.raises(NotPermitted):
        asked(world, by=world.people[person])
    assert not StudyLock.objects.exists()
    assert not Signature.objects.exists()


@pytest.mark.parametrize("person", ["data_manager", "statistician", "monitor", "coordinator"])
def test_others_cannot_confirm_or_withdraw(world: World, person: str) -> None:
    first = asked(world)
    with pytest.raises(NotPermitted):
        confirmed(world, first, by=world.people[person])
    if person in {"monitor", "coordinator"}:
        with pytest.raises(NotPermitted):
            study_lock.withdraw(study=world.study, act_id=first.pk, by=world.people[person])
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.RECRUITING
    assert study_lock.open_act(world.study) == first


def test_one_person_is_never_both(world: World) -> None:
    StudyMembership.objects.create(user=world.investigator, study=world.study, role=Role.DATA_MANAGER)
    first = asked(world, by=world.investigator)
    with pytest.raises(InvalidState, match="second person"):
        confirmed(world, first)
    signature = Signature.objects.get()
    with pytest.raises(IntegrityError, match="lock_confirmed_by_a_second_person"), transaction.atomic():
        StudyLock.objects.filter(pk=first.pk).update(
            confirmed_by=world.investigator.pk, confirmed_at=clock.now(), confirmed_signature=signature.pk
        )
    with pytest.raises(IntegrityError, match="lock_confirmed_wholly_or_not"), transaction.atomic():
        StudyLock.objects.filter(pk=first.pk).update(confirmed_by=world.statistician.pk)
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.RECRUITING


def test_refusals_change_nothing(world: World) -> None:
    with pytest.raises(InvalidInput, match="questions are open"):
        asked(world, open_questions={"ratings": 1})
    with pytest.raises(InvalidInput, match="password"):
        asked(world, password="wrong")
    assert not StudyLock.objects.exists()
    first = asked(world)
    with pytest.raises(InvalidState, match="signed already"):
        asked(world, by=world.statistician)
    with pytest.raises(InvalidState, match=f"changed since {world.data_manager.full_name} signed"):
        confirmed(world, first, open_questions={"ratings": 1})
    with pytest.raises(InvalidInput, match="password"):
        confirmed(world, first, password="wrong")
    with pytest.raises(NotFound):
        study_lock.confirm(
            study=world.study, act_id=uuid.uuid4(), open_questions={}, password=PASSWORD, by=world.investigator
        )
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.RECRUITING


def test_what_waits_can_be_withdrawn_visibly(world: World) -> None:
    first = asked(world)
    study_lock.withdraw(study=world.study, act_id=first.pk, by=world.statistician)
    assert study_lock.open_act(world.study) is None
    assert Signature.objects.get().void_reason == "Withdrawn by Statistician"
    with pytest.raises(NotFound):
        confirmed(world, first)


def test_a_locked_study_refuses_every_write_in_one_sentence_and_reads_go_on(world: World) -> None:
    journey.activate_list(world)
    ready, participant = journey.eligible(world, sex="M"), journey.randomized(world)
    session = journey.held(world, participant)
    assignment = journey.assigned(world, session)
    later = journey.assigned(world, session, "day_1")
    journey.rated(world, assignment)
    locked(world)
    acts = (
        lambda: journey.screened(world),
        lambda: randomize(participant=ready, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator),
        lambda: conduct.schedule(
            session=participant.sessions.get(period__number=2), planned_at=clock.now() + datetime.timedelta(days=30),
            by=world.coordinator,
        ),
        lambda: drafts.start(assignment=later, source="during", by=world.rater),
    )  # fmt: skip
    for act in acts:
        with pytest.raises(StudyLocked) as refused, transaction.atomic():
            act()
        assert refused.value.message == LOCKED
    ready.refresh_from_db()
    assert ready.randomization_number == ""
    check(world.coordinator, Permission.PARTICIPANT_VIEW, world.study)
    assert can(world.coordinator, Permission.SESSION_CONDUCT, world.study)
    check(world.outsider, Permission.PARTICIPANT_SCREEN, world.other_study)


def test_what_was_read_before_the_lock_is_no_way_round_it(world: World) -> None:
    stale = Study.objects.get(pk=world.study.pk)
    locked(world)
    assert stale.status == Study.Status.RECRUITING
    with pytest.raises(StudyLocked):
        check(world.coordinator, Permission.PARTICIPANT_SCREEN, stale)


def test_unlocking_needs_a_reason_and_two_people_and_restores_what_was(world: World) -> None:
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.CLOSED)
    locked(world)
    with pytest.raises(InvalidInput, match="needs a reason"):
        asked(world)
    again = asked(world, reason="A query about XO-003 came back")
    with pytest.raises(StudyLocked):
        check(world.coordinator, Permission.PARTICIPANT_SCREEN, world.study)
    confirmed(world, again, open_questions={"sessions": 4})
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.CLOSED
    check(world.coordinator, Permission.PARTICIPANT_SCREEN, world.study)
    assert [one.act for one in study_lock.acts_of(world.study)] == ["unlock", "lock"]
    with pytest.raises(IntegrityError, match="unlocked_with_a_reason"), transaction.atomic():
        StudyLock.objects.filter(act="unlock").update(reason="")


def test_a_lock_waits_for_writes_in_flight() -> None:
    """The question and the lock meet on the study's row: KEY SHARE and UPDATE exclude each other."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN SELECT status FROM public.studies_study FOR KEY SHARE")
        assert "LockRows" in cursor.fetchone()[0]


def test_every_permission_that_records_study_data_is_refused_under_lock() -> None:
    verbs = ("_record", "_enter", "_sign", "_screen", "_conduct", "_schedule", "_upload", "_assign", "_withdraw")
    elsewhere = {Permission.PROTOCOL_SIGN}  # refuses by itself, and says more
    blinded = frozenset().union(*(held for role, held in ROLE_PERMISSIONS.items() if role not in UNBLINDED_ROLES))
    assert {one for one in blinded if one.endswith(verbs)} - elsewhere <= WRITES


def test_the_questions_count_what_is_open_over_all_sites(world: World) -> None:
    journey.activate_list(world)
    journey.eligible(world, sex="M")
    participant = journey.randomized(world, site=world.other_site)
    session = journey.held(world, participant)
    journey.assigned(world, session)
    assert open_counts(questions_of(world.study)) == {
        "screening": 1, "sessions": 1, "assessments": 1, "ratings": 1, "protocol": 1,
    }  # fmt: skip
    assert open_counts(questions_of(world.other_study)) == {"protocol": 1}
