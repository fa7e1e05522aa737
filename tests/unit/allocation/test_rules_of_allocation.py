"""Rules R1 to R12 of the design, one named test each; where a rule has a test file of its own, that is named here."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from participants.models import Participant
from participants.services.consent import record_consent, withdraw_consent
from participants.services.consent_versions import add_version
from sessions.allocation import watching
from sessions.allocation.examination import examine
from sessions.allocation.models import Allocation, ListSlot, RandomizationList, Stratum
from sessions.allocation.services import unblind_participant
from sessions.models import OutboxMessage, ProtocolDeviation, RandomizedInError, StratumCorrection, StudySession
from sessions.services import corrections, notices
from sessions.services.randomization import RandomizationUnavailable, randomize
from studyportal import clock
from studyportal.audit import grants
from studyportal.audit.models import Event
from studyportal.errors import InvalidInput, InvalidState
from studyportal.reports import datasets
from studyportal.studies.models import Site
from tests.conftest import database_role, standing_at
from tests.factories import journey, sheets
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def take(world: World, participant: Participant, **options: object) -> Participant:
    given = {"request_id": uuid.uuid4(), "password": PASSWORD, "by": world.coordinator} | options
    return randomize(participant=participant, **given)


def secret_rows() -> tuple[list[str], int]:
    """Numbers that are allocated, and what the strata's heads count together."""
    with standing_at("vault"):
        numbers = sorted(Allocation.objects.values_list("slot__number", flat=True))
        return numbers, sum(Stratum.objects.values_list("taken", flat=True))


def trail(name: str) -> list[str]:
    with standing_at("vault"):
        return list(Event.objects.filter(name=name).values_list("target", flat=True))


def test_r01_number_sessions_trail_and_messages_stand_or_fall_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.activate_list(world)
    participant = journey.eligible(world)
    with monkeypatch.context() as broken:
        broken.setattr(notices, "announce_randomization", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take(world, participant)
    assert secret_rows() == ([], 0)
    assert (StudySession.objects.count(), OutboxMessage.objects.count(), trail("participant randomized")) == (0, 0, [])
    assert Participant.objects.get().status == "screening"

    done = take(world, participant)
    assert secret_rows() == ([done.randomization_number], 1)
    assert [one.period.number for one in done.sessions.all()] == [1, 2]
    assert trail("participant randomized") == ["XO-001"]
    assert sorted(OutboxMessage.objects.values_list("kind", "sent_at")) == [
        ("allocation_waits", None), ("randomized", None),
    ]  # fmt: skip


def test_r01_the_lowest_free_place_is_taken_in_order(world: World) -> None:
    """Under load: test_race.py."""
    journey.activate_list(world)
    numbers = [take(world, journey.eligible(world)).randomization_number for _ in range(3)]
    with standing_at("vault"):
        first = ListSlot.objects.filter(stratum__key="01|F").order_by("ordinal")[:3]
        assert numbers == [slot.number for slot in first]


def test_r02_a_repeated_request_gets_the_same_receipt(world: World) -> None:
    """In the browser, with the answer lost: tests/browser/test_randomization.py."""
    journey.activate_list(world)
    participant, key = journey.eligible(world), uuid.uuid4()
    first = take(world, participant, request_id=key)
    # Without password: whatever the second request carries, it asks for nothing that was not done.
    again = take(world, participant, request_id=key, password="")
    assert (again.randomization_number, again.randomized_at) == (first.randomization_number, first.randomized_at)
    assert secret_rows() == ([first.randomization_number], 1)


def test_r03_every_precondition_is_checked_again_inside(world: World) -> None:
    journey.activate_list(world)
    ready = journey.eligible(world)
    with pytest.raises(InvalidState, match="The strata were corrected after you confirmed them"):
        take(world, ready, confirmed_stratum="01|M")
    day = clock.today("Europe/London")
    add_version(study=world.study, version="4.0", valid_from=day, by=world.data_manager)
    with pytest.raises(InvalidState, match=r"Consent: Version 3\.1 is not in use now\. Record a consent on"):
        take(world, ready)
    record_consent(participant=ready, form_version="4.0", signed_on=day, by=world.coordinator)
    Site.objects.filter(pk=world.site.pk).update(is_active=False)
    with pytest.raises(InvalidState, match="Site open: This site does not recruit now"):
        take(world, ready)
    Site.objects.filter(pk=world.site.pk).update(is_active=True)
    world.study.eligibility_criteria.create(code="I9", kind="inclusion", text="Added by an amendment", position=9)
    with pytest.raises(InvalidState, match=r"Baseline: Not answered: I9\."):
        take(world, ready)
    world.study.eligibility_criteria.filter(code="I9").update(study=world.other_study)
    bare = journey.screened(world)
    with pytest.raises(InvalidState, match="Consent: Record the signed consent form"):
        take(world, bare)
    record_consent(participant=bare, form_version="4.0", signed_on=clock.now().date(), by=world.coordinator)
    with pytest.raises(InvalidState, match="Eligibility: Answer the criteria"):
        take(world, bare)
    withdraw_consent(participant=ready, withdrawn_on=clock.now().date(), reason="Told the nurse", by=world.coordinator)
    with pytest.raises(InvalidState, match="cannot be randomized yet"):
        take(world, ready)
    assert secret_rows() == ([], 0)


def test_r04_the_strata_are_copied_and_never_change(world: World) -> None:
    journey.activate_list(world)
    done = take(world, journey.eligible(world), confirmed_stratum="01|F")
    assert done.randomized_stratum == "01|F"
    with standing_at("vault"):
        assert Allocation.objects.get().stratum_key == "01|F"
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Allocation.objects.update(stratum_key="01|M")
    with pytest.raises(DatabaseError, match="a randomization is never changed"), transaction.atomic():
        Participant.objects.filter(pk=done.pk).update(randomized_stratum="01|M")
    assert Participant.objects.get(pk=done.pk).randomized_stratum == "01|F"


def test_r05_a_wrong_stratum_is_corrected_beside_the_allocation(world: World) -> None:
    """More of it: test_corrections.py."""
    journey.activate_list(world)
    done = take(world, journey.eligible(world))
    corrections.correct_sex(
        participant=done, sex="M", reason="Misread the form", password=PASSWORD, by=world.coordinator
    )
    row = datasets.participant_rows(world.statistician, world.study)[0]
    assert (row.sex, row.stratum_at_randomization, row.stratum_corrected) == ("M", "01|F", "01|M")
    assert row.randomization_number == done.randomization_number
    assert StratumCorrection.objects.values_list("value_before", "value_after").get() == ("Female", "Male")
    assert ProtocolDeviation.objects.get().code == "wrong_stratum"
    assert secret_rows() == ([done.randomization_number], 1)


def test_r06_randomized_in_error_is_a_mark_for_good(world: World) -> None:
    """More of it: test_corrections.py."""
    journey.activate_list(world)
    done = take(world, journey.eligible(world))
    marked = corrections.mark_randomized_in_error(
        participant=done, reason="Not eligible", password=PASSWORD, by=world.investigator
    )
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        RandomizedInError.objects.filter(pk=marked.pk).update(reason="")
    row = datasets.participant_rows(world.statistician, world.study)[0]
    assert (row.status, row.randomized_in_error_at) == ("randomized", marked.marked_at)
    assert secret_rows() == ([done.randomization_number], 1)  # the place stays used
    assert take(world, journey.eligible(world)).randomization_number != done.randomization_number


def test_r07_exhaustion_is_neutral_and_the_custodian_is_warned_before(world: World, mailoutbox) -> None:
    """More of it: test_watching_lists.py."""
    journey.activate_list(world, slots_per_stratum=2)
    for _ in range(2):
        take(world, journey.eligible(world))
    with pytest.raises(RandomizationUnavailable, match="Randomization is not available now; the trial office has been"):
        take(world, journey.eligible(world))
    with standing_at("vault"):
        watching.watch(world.study)
    told = [target.split("|", 1)[1] for target in trail(watching.TOLD) if "|01|F|" in target]
    assert sorted(told) == ["01|F|fifth", "01|F|five", "01|F|none"]
    assert [message.to for message in mailoutbox] == [["unblinded-statistician@example.org"]]


def test_r08_nothing_of_an_allocation_is_updated_or_deleted(world: World) -> None:
    journey.activate_list(world)
    done = take(world, journey.eligible(world))
    # The owner of the tables, whom no privilege stops, is stopped by triggers.
    for statement in (
        "UPDATE alloc.allocation SET stratum_key = '01|M'", "DELETE FROM alloc.allocation",
        "UPDATE alloc.list_slot SET ordinal = ordinal + 100", "DELETE FROM alloc.list_slot",
        "DELETE FROM alloc.stratum", "DELETE FROM alloc.randomization_list",
        "UPDATE public.participants_participant SET randomization_number = 'R-0000'",
        "UPDATE public.participants_participant SET randomized_at = now()",
        "UPDATE public.participants_participant SET randomization_number = '', randomized_at = NULL",
    ):  # fmt: skip
        with pytest.raises(DatabaseError) as refused, database_role("portal_owner"), transaction.atomic():
            connection.cursor().execute(statement)
        assert "append-only" in str(refused.value) or "never changed" in str(refused.value), statement
    assert secret_rows() == ([done.randomization_number], 1)


def test_r09_the_blinded_logins_reach_the_secret_through_functions_only() -> None:
    """Every verb on every table, refused: tests/architecture/test_grants.py."""
    held = [line for line in grants.snapshot().splitlines() if " alloc" in line and not line.startswith("portal_vault")]
    assert held == [
        "portal_web function alloc.allocate(uuid,uuid,text,uuid) EXECUTE",
        "portal_web function alloc.ask_minimization(uuid,uuid,jsonb,uuid,uuid) EXECUTE",
        "portal_web function alloc.cancel_minimization(uuid) EXECUTE",
        "portal_web function alloc.is_minimized(uuid) EXECUTE",
        "portal_web function alloc.minimization_of(uuid) EXECUTE",
        "portal_web function alloc.reconcile(uuid,uuid,uuid,text,text,uuid,boolean) EXECUTE",
        "portal_web function alloc.undelivered() EXECUTE",
        "portal_web schema alloc USAGE",
        "portal_worker function alloc.minimization_of(uuid) EXECUTE",
        "portal_worker function alloc.undelivered() EXECUTE",
        "portal_worker schema alloc USAGE",
    ]


def test_r10_a_number_given_on_paper_never_meets_one_given_online(world: World) -> None:
    """More of it, and every refusal: test_paper_sheets.py."""
    journey.activate_list(world)
    given = sheets.numbers_on(sheets.sheet(world))["paper|01|F"]
    online = take(world, journey.eligible(world)).randomization_number
    on_paper = sheets.entered(world, journey.eligible(world), given[0])
    later = take(world, journey.eligible(world)).randomization_number
    assert on_paper.randomization_number == given[0]
    assert secret_rows() == (sorted([online, given[0], later]), 3)
    with standing_at("vault"):
        first = ListSlot.objects.filter(stratum__key="01|F").order_by("ordinal")[:2]
        assert [online, later] == [slot.number for slot in first]


def test_r11_a_list_is_examined_before_it_is_approved(world: World) -> None:
    """The report and its refusals: tests/unit/randomization/test_report.py, tests/pages/allocation."""
    journey.activate_list(world)
    with standing_at("vault"):
        made = RandomizationList.objects.get()
        facts = examine(made, by=world.unblinded_statistician)
        assert (facts.passes, made.approved_by) == (True, world.pharmacist)


def test_r12_a_reveal_is_of_one_participant_with_a_reason_written_first(world: World) -> None:
    """The whole of it: tests/pages/reports/test_vault_pages.py."""
    journey.activate_list(world)
    done = take(world, journey.eligible(world))
    asked = {"study": world.study, "participant_id": done.pk, "by": world.pharmacist, "reason_code": "emergency"}
    with standing_at("vault"):
        with pytest.raises(InvalidInput, match="Give the reason"):
            unblind_participant(**asked, reason=" ")
        assert unblind_participant(**asked, reason="Seizure") in {"AB", "BA"}
    assert trail("participant unblinded") == [str(done.pk)]
