"""Minimization from the request to the number: the blinded side asks, the vault draws, the blinded side completes."""

import uuid

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from participants.models import Participant
from participants.services.withdrawal import fail_screening
from sessions.allocation import minimizing, vault_worker
from sessions.allocation.life import close_list
from sessions.allocation.minimization_models import MinimizationRequest
from sessions.allocation.models import Allocation, ListSlot, RandomizationList, Stratum
from sessions.allocation.services import open_slot
from sessions.models import ProtocolDeviation
from sessions.randomization import replay
from sessions.randomization.minimization import scheme_of
from sessions.services import drawing
from sessions.services.randomization import RandomizationUnavailable, randomize
from studyportal import clock
from studyportal.audit.models import Event
from studyportal.errors import InvalidState, NotPermitted
from tests.conftest import database_role, standing_at
from tests.factories import journey
from tests.factories.minimized import PARAMETERS, SEED, activate_minimization
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def asked(world: World, *, sex: str = "F", site: object = None) -> Participant:
    """Return a participant whose number the vault has yet to draw."""
    participant = journey.eligible(world, sex=sex, site=site)
    return randomize(participant=participant, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)


def drawn() -> int:
    """Let the vault look once."""
    with standing_at("vault"):
        return vault_worker.look(vault_worker.Pauses())


def requests() -> list[tuple[str, dict[str, str]]]:
    with standing_at("vault"):
        return list(MinimizationRequest.objects.values_list("state", "levels"))


def test_the_number_comes_after_the_vault_has_drawn(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    assert (participant.status, participant.randomization_number) == ("screening", "")
    assert drawing.waiting_for(participant).asked_by == world.coordinator
    assert minimizing.asked_for(participant.pk).levels == {"site": "01", "sex": "F"}
    assert drawing.complete(participant.pk).randomization_number == ""  # too early: nothing happens
    assert requests() == [("waiting", {"sex": "F", "site": "01"})]
    assert drawn() == 1
    assert drawing.waiting_for(participant) is None
    done = drawing.complete(participant.pk)
    assert (done.status, done.randomized_by, done.sessions.count()) == ("randomized", world.coordinator, 2)
    assert drawing.complete(participant.pk).randomized_at == done.randomized_at  # again: nothing more
    with standing_at("vault"):
        allocation = Allocation.objects.select_related("slot__stratum").get()
        assert allocation.slot.number == done.randomization_number
        assert (allocation.stratum_key, allocation.slot.ordinal, allocation.slot.stratum.taken) == ("01|F", 1, 1)
    assert requests() == [("answered", {"sex": "F", "site": "01"})]
    assert drawn() == 0


def test_the_course_can_be_derived_again(world: World) -> None:
    made = activate_minimization(world)
    who = [("F", world.site), ("M", world.other_site), ("F", world.site), ("M", world.site), ("F", world.other_site)]
    participants = []
    for sex, site in who:
        participants.append(asked(world, sex=sex, site=site))
        assert drawn() == 1
    with standing_at("vault"):
        course = minimizing.course_of(made)
        scheme = scheme_of(PARAMETERS, course.sequences)
    assert course.seed == SEED
    assert course.parameters == PARAMETERS
    assert [one.participant for one in course.newcomers] == [one.number for one in participants]
    assert [one.levels for one in course.newcomers] == [{"site": site.code, "sex": sex} for sex, site in who]
    again = replay(scheme, course.seed, [one.levels for one in course.newcomers], course.generator)
    assert [one.slot.sequence for one in course.newcomers] == [choice.sequence for choice in again]
    assert len({one.slot.number for one in course.newcomers}) == 5
    assert {one.slot.sequence for one in course.newcomers} == {"AB", "BA"}


def test_requests_are_answered_in_their_order(world: World) -> None:
    made = activate_minimization(world)
    participants = [asked(world) for _ in range(3)]
    assert drawn() == 3
    with standing_at("vault"):
        assert [one.participant for one in minimizing.course_of(made).newcomers] == [p.number for p in participants]


def test_a_repeated_request_asks_once(world: World) -> None:
    activate_minimization(world)
    participant, key = journey.eligible(world), uuid.uuid4()
    for request_id in (key, key, uuid.uuid4()):
        randomize(participant=participant, request_id=request_id, password=PASSWORD, by=world.coordinator)
    assert len(requests()) == 1
    drawn()
    # The page that waits completes it; neither password nor code is asked for a second time.
    randomize(participant=participant, request_id=key, password="", by=world.coordinator)
    assert drawing.complete(participant.pk).randomization_number != ""
    with standing_at("vault"):
        assert Allocation.objects.count() == 1


def test_the_stratum_is_the_one_that_was_asked_with(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    Participant.objects.filter(pk=participant.pk).update(sex="M")
    drawn()
    assert drawing.complete(participant.pk).randomized_stratum == "01|F"


def test_a_form_of_somebody_else_is_refused(world: World) -> None:
    activate_minimization(world)
    key = uuid.uuid4()
    randomize(participant=journey.eligible(world), request_id=key, password=PASSWORD, by=world.coordinator)
    other = journey.eligible(world)
    with pytest.raises(InvalidState, match="Open the wizard again"):
        randomize(participant=other, request_id=key, password=PASSWORD, by=world.coordinator)
    assert len(requests()) == 1


def test_a_waiting_request_can_be_cancelled_and_asked_again(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    with pytest.raises(NotPermitted):
        drawing.cancel(participant=participant, by=world.monitor)
    assert requests()[0][0] == "waiting"
    drawing.cancel(participant=participant, by=world.coordinator)
    assert (requests()[0][0], drawing.waiting_for(participant), drawn()) == ("cancelled", None, 0)
    with pytest.raises(InvalidState, match="cannot be taken back"):
        drawing.cancel(participant=participant, by=world.coordinator)
    randomize(participant=participant, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)
    assert drawn() == 1
    with pytest.raises(InvalidState, match=f"Nothing waits for {participant.number} any more"):
        drawing.cancel(participant=participant, by=world.coordinator)
    assert drawing.complete(participant.pk).randomization_number


def test_who_leaves_before_the_draw_gets_no_number(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    fail_screening(
        participant=participant, reason="declined", note="", failed_on=clock.now().date(), by=world.coordinator
    )
    assert drawn() == 0
    assert (requests()[0][0], drawing.complete(participant.pk).randomization_number) == ("cancelled", "")
    with standing_at("vault"):
        assert ListSlot.objects.count() == 0


def test_who_leaves_after_the_draw_keeps_the_number_with_a_deviation(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    drawn()
    fail_screening(
        participant=participant, reason="declined", note="", failed_on=clock.now().date(), by=world.coordinator
    )
    done = drawing.complete(participant.pk)
    assert (done.status, done.randomization_number != "", done.sessions.count()) == ("screen_failed", True, 0)
    deviation = ProtocolDeviation.objects.get()
    assert (deviation.code, deviation.participant, deviation.recorded_by) == (
        "randomized_after_leaving", participant, world.coordinator,
    )  # fmt: skip
    assert (
        deviation.description == "The number was drawn before this was recorded: screen failed. No session is planned."
    )


def test_a_precondition_lost_after_the_draw_is_a_deviation(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    drawn()
    world.study.status = "closed"
    world.study.save()
    done = drawing.complete(participant.pk)
    assert (done.status, done.sessions.count()) == ("randomized", 2)
    deviation = ProtocolDeviation.objects.get()
    assert deviation.code == "randomized_unmet"
    assert deviation.description.endswith("Site open: This site does not recruit now.")


def test_a_precondition_lost_before_the_draw_ends_the_request(world: World) -> None:
    activate_minimization(world)
    asked(world)
    world.study.status = "closed"
    world.study.save()
    assert (drawn(), requests()[0][0]) == (0, "cancelled")


def test_what_nobody_looks_at_is_completed_by_the_blinded_worker(world: World) -> None:
    activate_minimization(world)
    participants = [asked(world), asked(world, sex="M")]
    assert drawing.complete_all() == 0
    drawn()
    with database_role("portal_worker"):
        assert drawing.complete_all() == 2
        assert drawing.complete_all() == 0
    for participant in participants:
        participant.refresh_from_db()
        assert (participant.status, participant.randomized_by) == ("randomized", world.coordinator)


def test_a_request_waits_while_no_minimization_knows_its_levels(world: World) -> None:
    made = activate_minimization(world, factors={"site": ["01", "03"]})
    participant = asked(world, site=world.other_site)
    pauses = vault_worker.Pauses()
    with standing_at("vault"):
        assert (vault_worker.look(pauses), vault_worker.look(pauses)) == (0, 0)
        assert not Event.objects.filter(name="sequence drawn").exists()
        with pytest.raises(minimizing.CannotDraw, match="the newcomer's site must be one of 01, 03"):
            minimizing.answer(minimizing.waiting()[0])
        close_list(list_id=made.pk, reason="A site is missing", password=PASSWORD, by=world.pharmacist)
        with pytest.raises(minimizing.CannotDraw, match="No minimization is active"):
            minimizing.answer(minimizing.waiting()[0])
    assert drawing.complete(participant.pk).randomization_number == ""
    activate_minimization(world)
    assert drawn() == 1
    assert drawing.complete(participant.pk).randomization_number


def test_the_announcement_comes_before_the_seed_is_opened(world: World, settings) -> None:
    activate_minimization(world)
    asked(world)
    settings.PORTAL_VAULT_KEY_FILE = settings.PORTAL_DATA / "absent"
    assert drawn() == 0
    with standing_at("vault"):
        assert Event.objects.filter(name="sequence drawn", study="XO").count() == 1
        assert (ListSlot.objects.count(), Stratum.objects.count(), Allocation.objects.count()) == (0, 0, 0)
    assert requests()[0][0] == "waiting"


def test_without_an_active_list_the_site_hears_the_usual_sentence(world: World) -> None:
    participant = journey.eligible(world)
    with pytest.raises(RandomizationUnavailable):
        randomize(participant=participant, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)
    assert minimizing.ask(participant=participant, levels={}, request_id=uuid.uuid4(), by_id=world.rater.pk) is None


def test_a_request_without_the_studys_factors_is_not_taken(world: World) -> None:
    activate_minimization(world)
    participant = journey.eligible(world)
    for levels in ({}, {"site": "01"}, {"site": "01", "sex": ""}, {"site": "01", "sex": "F", "age": "1"}):
        found = minimizing.ask(participant=participant, levels=levels, request_id=uuid.uuid4(), by_id=world.rater.pk)
        assert found is None
    assert requests() == []


def test_a_study_without_factors_is_not_drawn_for(world: World) -> None:
    world.study.strata_factors = []
    world.study.save()
    assert minimizing.is_minimized(world.study.pk) is False
    activate_minimization(world)
    asked(world)
    with standing_at("vault"), pytest.raises(minimizing.CannotDraw):
        minimizing.answer(minimizing.waiting()[0])


def test_a_settled_request_is_never_changed(world: World) -> None:
    activate_minimization(world)
    asked(world)
    drawn()
    with database_role("portal_owner"):
        for statement in (
            "UPDATE alloc.minimization_request SET state = 'waiting'",
            "UPDATE alloc.minimization_request SET levels = '{}'",
            "DELETE FROM alloc.minimization_request",
        ):
            with pytest.raises(DatabaseError, match="settled once and never changed"), transaction.atomic():
                connection.cursor().execute(statement)


def test_levels_do_not_change_while_a_request_waits(world: World) -> None:
    activate_minimization(world)
    asked(world)
    with database_role("portal_owner"), pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        connection.cursor().execute("UPDATE alloc.minimization_request SET levels = '{}'")


def test_the_vault_answers_with_its_own_next_slot_only(world: World) -> None:
    made = activate_minimization(world)
    asked(world)
    with standing_at("vault"), connection.cursor() as cursor:
        (waiting,) = minimizing.waiting()
        head = Stratum.objects.create(list=made, key="all")
        wrong = ListSlot.objects.create(stratum=head, ordinal=2, number="R-0002", sealed=b"x")
        for request, slot in ((waiting, wrong.pk), (waiting, uuid.uuid4()), (uuid.uuid4(), wrong.pk)):
            cursor.execute("SELECT alloc.answer_minimization(%s, %s)", [request, slot])
            assert cursor.fetchone() == (False,)
        assert (Allocation.objects.count(), MinimizationRequest.objects.get().state) == (0, "waiting")


def test_a_request_cancelled_at_the_last_moment_leaves_no_slot(world: World, monkeypatch) -> None:
    activate_minimization(world)
    participant = asked(world)
    real = minimizing._kept

    def and_cancelled(*given: object) -> ListSlot:
        minimizing.cancel(participant.pk)
        return real(*given)

    monkeypatch.setattr(minimizing, "_kept", and_cancelled)
    with standing_at("vault"):
        (waiting,) = minimizing.waiting()
        with transaction.atomic():
            assert minimizing.answer(waiting) is False
        assert ListSlot.objects.count() == 0


def test_a_request_that_is_settled_or_unknown_is_not_answered(world: World) -> None:
    activate_minimization(world)
    asked(world)
    with standing_at("vault"):
        (waiting,) = minimizing.waiting()
        assert (minimizing.answer(waiting), minimizing.answer(waiting), minimizing.answer(uuid.uuid4())) == (
            True,
            False,
            False,
        )


def test_two_open_requests_of_one_participant_cannot_be(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    with database_role("portal_owner"), pytest.raises(IntegrityError), transaction.atomic():
        MinimizationRequest.objects.create(
            study=world.study, participant=participant, levels={}, request_id=uuid.uuid4(),
            asked_by=world.coordinator, asked_at=clock.now(),
        )  # fmt: skip


def test_records_name_themselves(world: World) -> None:
    activate_minimization(world)
    participant = asked(world)
    with standing_at("vault"):
        assert str(MinimizationRequest.objects.get()) == f"request of {participant.pk}"
        assert RandomizationList.objects.get().method_words == "Minimization"
        assert open_slot is not None
