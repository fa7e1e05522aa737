"""Dispensing: the right kit or none, two people, and nothing that depends on the sequence in what is seen."""

import datetime

import pytest
from django.core import mail

from participants.services.consent import withdraw_consent
from sessions.allocation import dispensing, kits
from sessions.allocation.dispensed import capsule_of
from sessions.allocation.kit_contents import OPENED, open_content
from sessions.allocation.kit_ledger import Movement, State
from sessions.allocation.kit_models import DispensingLabel, Kit, KitAct, KitMovement, KitShipment
from sessions.allocation.kit_readiness import due_back, waiting_for
from sessions.allocation.kit_signing import Second, content_hash, latest, state_of
from sessions.allocation.models import Allocation
from sessions.allocation.services import open_slot
from sessions.models import SequencePeriod
from sessions.randomization.kits import check_digit
from sessions.services import conduct
from studyportal import clock
from studyportal.accounts.roles import Role
from studyportal.audit.context import because
from studyportal.audit.models import Event
from studyportal.errors import BlindingViolation, InvalidInput, InvalidState, NotFound, NotPermitted
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import journey, pharmacy
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(world: World):
    """A list, a second pharmacist, a received shipment, and a participant whose first session is planned."""
    journey.activate_list(world)
    pharmacy.second_pharmacist(world)
    pharmacy.received(world)
    return pharmacy.planned(world, journey.randomized(world))


def treatment_due(session) -> str:
    allocation = Allocation.objects.select_related("slot__stratum").get(participant=session.participant)
    return SequencePeriod.objects.get(
        sequence__study=session.participant.study, sequence__code=open_slot(allocation.slot).sequence,
        period=session.period,
    ).treatment.code  # fmt: skip


def give(session, kit, by, **changed):
    asked = {"scanned": kit.number, "password": PASSWORD, "second": pharmacy.SECOND, "by": by} | changed
    with standing_at("vault"):
        return dispensing.dispense(session_id=session.pk, **asked)


def lines() -> int:
    with standing_at("vault"):
        return KitMovement.objects.count()


def test_the_kit_that_is_dispensed_holds_what_the_sequence_gives_in_both_periods(world: World) -> None:
    journey.activate_list(world)
    pharmacy.second_pharmacist(world)
    pharmacy.received(world)
    for sex in "FM":
        participant = journey.randomized(world, sex=sex)
        for period in (1, 2):
            session = participant.sessions.get(period__number=period)
            if period == 1:
                session = pharmacy.planned(world, participant)
            with standing_at("vault"):
                kit = dispensing.pick(session_id=session.pk, by=world.pharmacist, afterwards=True)
                dispensing.dispense(
                    session_id=session.pk, scanned=kit.number, password=PASSWORD, second=pharmacy.SECOND,
                    by=world.pharmacist, afterwards=True,
                )  # fmt: skip
                assert open_content(kit) == treatment_due(session)
                assert state_of(latest(Kit.objects.filter(pk=kit.pk)).get()) is State.DISPENSED


def test_two_people_sign_and_what_they_signed_can_be_computed_again(world: World, ready) -> None:
    label = pharmacy.dispensed(world, ready)
    with standing_at("vault"):
        act = KitAct.objects.select_related("study", "by", "checked_by").get(kind="dispensed")
        assert (act.by, act.checked_by.username) == (world.pharmacist, "second-pharmacist")
        assert act.details["label"] == label.number
        assert act.content_sha256 == content_hash(act)
        act.details = {**act.details, "kits": ["K-00000-0"]}
        assert act.content_sha256 != content_hash(act)


def test_the_trail_says_what_is_opened_before_it_is(world: World, ready) -> None:
    pharmacy.picked(world, ready)
    with standing_at("vault"):
        event = Event.objects.get(name=OPENED)
        assert (event.target, event.data) == ("XO-001 period 1", {"reason": "picking a kit"})


def test_picking_twice_gives_the_same_kit_so_that_nobody_learns_which_kits_are_alike(world: World, ready) -> None:
    first = pharmacy.picked(world, ready)
    assert {pharmacy.picked(world, ready).number for _ in range(5)} == {first.number}
    with standing_at("vault"):
        assert KitMovement.objects.filter(kind=Movement.RESERVED).count() == 1


def test_the_ward_learns_a_number_that_is_no_kits(world: World, ready) -> None:
    assert capsule_of(ready) is None
    label = pharmacy.dispensed(world, ready)
    seen = capsule_of(ready)
    assert (seen.pk, seen.number) == (label.pk, label.number)
    letter, body, check = seen.number.split("-")
    assert (letter, len(body), int(check)) == ("D", 5, check_digit(body))
    with standing_at("vault"):
        kit = Kit.objects.get(movements__kind=Movement.DISPENSED)
        assert kit.number[1:] != seen.number[1:]
    stored = DispensingLabel.objects.values().get()
    assert kit.number not in str(stored)
    assert str(kit.pk) not in str(stored)


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"password": "wrong"}, "password", "Enter your own password again."),
        ({"second": None}, "second", "second person's user name"),
        ({"second": Second(" ", PASSWORD)}, "second", "second person's user name"),
        ({"second": Second("pharmacist", PASSWORD)}, "second", "This is you"),
        ({"second": Second("nobody", PASSWORD)}, "second", "No second person"),
        ({"second": Second("coordinator", PASSWORD)}, "second", "No second person"),
        ({"second": Second("unblinded-statistician", PASSWORD)}, "second", "No second person"),
        ({"second": Second("second-pharmacist", "wrong")}, "second_password", "does not match"),
    ],
)
def test_without_two_different_peoples_passwords_nothing_is_dispensed(
    world: World, ready, changed, field: str, words: str
) -> None:
    kit = pharmacy.picked(world, ready)
    before = lines()
    with pytest.raises(InvalidInput) as refused:
        give(ready, kit, world.pharmacist, **changed)
    assert words in refused.value.fields[field]
    assert (lines(), capsule_of(ready)) == (before, None)


def test_somebody_of_another_site_cannot_check(world: World, ready) -> None:
    make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    kit = pharmacy.picked(world, ready)
    with pytest.raises(InvalidInput, match="No second person"):
        give(ready, kit, world.pharmacist, second=Second("south-pharmacist", PASSWORD))
    assert capsule_of(ready) is None


def test_only_the_sites_pharmacist_picks(world: World, ready) -> None:
    south = make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    before = lines()
    for person in (south, world.unblinded_statistician, world.coordinator, world.rater):
        with standing_at("vault"), pytest.raises(NotPermitted):
            dispensing.pick(session_id=ready.pk, by=person)
    assert lines() == before
    with standing_at("vault"):
        assert waiting_for(south, world.study) == []
        assert [one.session.pk for one in waiting_for(world.pharmacist, world.study)] == [ready.pk]


def test_nothing_is_dispensed_without_an_allocation(world: World, ready) -> None:
    from sessions.models import Period, StudySession

    waiting = journey.eligible(world, sex="M")
    session = StudySession.objects.create(
        participant=waiting, period=Period.objects.get(study=world.study, number=1), planned_at=clock.now()
    )
    with standing_at("vault"), pytest.raises(NotFound, match="no such session"):
        dispensing.pick(session_id=session.pk, by=world.pharmacist)


def test_nothing_is_dispensed_before_a_date_is_planned(world: World, ready) -> None:
    second = ready.participant.sessions.get(period__number=2)
    with standing_at("vault"), pytest.raises(InvalidState, match="No date is planned"):
        dispensing.pick(session_id=second.pk, by=world.pharmacist)


def test_nothing_is_dispensed_once_consent_is_withdrawn(world: World, ready) -> None:
    kit = pharmacy.picked(world, ready)
    withdraw_consent(
        participant=ready.participant, reason="Own wish", withdrawn_on=clock.now().date(), by=world.coordinator
    )
    with pytest.raises(InvalidState, match=r"has left the study|no consent in force"):
        give(ready, kit, world.pharmacist)
    with standing_at("vault"):
        dispensing.put_back(session_id=ready.pk, reason="Consent withdrawn", by=world.pharmacist)
        assert state_of(latest(Kit.objects.filter(pk=kit.pk)).get()) is State.IN_STOCK


def test_nothing_is_dispensed_without_a_consent_in_force(world: World, ready) -> None:
    with because("test", "the form is void"):
        ready.participant.consents.update(withdrawn_on=clock.now().date())
    with standing_at("vault"), pytest.raises(InvalidState, match="XO-001 has no consent in force"):
        dispensing.pick(session_id=ready.pk, by=world.pharmacist)
    assert lines() == 16


def test_nothing_is_dispensed_in_a_locked_study(world: World, ready) -> None:
    kit = pharmacy.picked(world, ready)
    world.study.status = Study.Status.LOCKED
    world.study.save()
    with pytest.raises(InvalidState, match="The study is locked"):
        give(ready, kit, world.pharmacist)
    assert capsule_of(ready) is None


def test_what_should_come_back_is_listed(world: World, ready) -> None:
    kit = pharmacy.picked(world, ready)
    other = pharmacy.planned(world, journey.randomized(world, sex="M"))
    pharmacy.dispensed(world, other)
    far = make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    with standing_at("vault"):
        assert due_back(world.pharmacist, world.study) == []
    conduct.mark_missed(session=ready, reason="Snow", by=world.coordinator)
    conduct.mark_missed(session=other, reason="Snow", by=world.coordinator)
    with standing_at("vault"):
        first, second = due_back(world.pharmacist, world.study)
        assert (first.number, first.is_picked, first.session.pk) == (kit.number, True, ready.pk)
        assert (second.is_picked, second.session.pk) == (False, other.pk)
        assert due_back(far, world.study) == []
        dispensing.put_back(session_id=ready.pk, reason="Missed", by=world.pharmacist)
        assert [one.number for one in due_back(world.pharmacist, world.study)] == [second.number]
        with pytest.raises(NotPermitted):
            due_back(world.unblinded_statistician, world.study)


def test_nothing_is_dispensed_for_a_missed_session_nor_twice(world: World, ready) -> None:
    pharmacy.dispensed(world, ready)
    with standing_at("vault"), pytest.raises(InvalidState, match="was dispensed for XO-001 in period 1 already"):
        dispensing.pick(session_id=ready.pk, by=world.pharmacist)
    other = pharmacy.planned(world, journey.randomized(world, sex="M"))
    conduct.mark_missed(session=other, reason="Snow", by=world.coordinator)
    with standing_at("vault"), pytest.raises(InvalidState, match="This session is missed"):
        dispensing.pick(session_id=other.pk, by=world.pharmacist)


def test_putting_back_needs_a_reason_and_a_pick(world: World, ready) -> None:
    with standing_at("vault"):
        with pytest.raises(InvalidState, match="No kit is picked"):
            dispensing.put_back(session_id=ready.pk, reason="Postponed", by=world.pharmacist)
        with pytest.raises(InvalidInput, match="Give the reason"):
            dispensing.put_back(session_id=ready.pk, reason=" ", by=world.pharmacist)


def test_a_kit_put_back_and_picked_for_another_is_no_longer_the_firsts(world: World, ready) -> None:
    other = pharmacy.planned(world, journey.randomized(world, sex="M"))
    with standing_at("vault"):
        for _ in range(30):
            first = dispensing.pick(session_id=ready.pk, by=world.pharmacist)
            dispensing.put_back(session_id=ready.pk, reason="Again", by=world.pharmacist)
            second = dispensing.pick(session_id=other.pk, by=world.pharmacist)
            if first == second:
                break
            dispensing.put_back(session_id=other.pk, reason="Again", by=world.pharmacist)
        picked = {one.session.pk: one.is_picked for one in waiting_for(world.pharmacist, world.study)}
        assert picked[ready.pk] is False
        with pytest.raises(InvalidState, match="No kit is picked"):
            dispensing.check_scan(session_id=ready.pk, scanned=first.number, by=world.pharmacist)


def scan(world: World, session, number: str) -> str:
    with standing_at("vault"), pytest.raises(InvalidInput) as refused:
        dispensing.check_scan(session_id=session.pk, scanned=number, by=world.pharmacist)
    assert refused.value.fields == {"scanned": refused.value.message}
    return refused.value.message


def moved(world: World, kit: Kit, movement: Movement, **extra: object) -> None:
    with standing_at("vault"):
        kits.move_kits(
            study=world.study, numbers=[kit.number], movement=movement, reason="Seen", password=PASSWORD,
            second=pharmacy.SECOND, by=world.pharmacist, **extra,
        )  # fmt: skip


def test_each_wrong_kit_has_its_own_sentence(world: World, ready) -> None:
    picked = pharmacy.picked(world, ready)
    pharmacy.received(world, site=world.other_site, lot="LOT-S")
    pharmacy.shipped(world, lot="LOT-W")
    pharmacy.received(world, lot="LOT-E", expires_in=datetime.timedelta(days=1), each=1)
    with standing_at("vault"):
        own = list(Kit.objects.filter(shipment__lot="LOT-A").exclude(pk=picked.pk)[:5])
        far = Kit.objects.filter(shipment__lot="LOT-S").first()
        coming = Kit.objects.filter(shipment__lot="LOT-W").first()
    digits = picked.number[2:7]
    wrong_check = f"K-{digits}-{(int(picked.number[-1]) + 1) % 10}"
    unknown = next(
        f"K-{body}-{check_digit(body)}" for body in ("00000", "11111", "22222")
        if f"K-{body}-{check_digit(body)}" not in {kit.number for kit in own}
    )  # fmt: skip
    assert scan(world, ready, wrong_check).startswith("There is no such kit: check the digits.")
    assert scan(world, ready, "hello").startswith("There is no such kit: check the digits.")
    assert scan(world, ready, unknown) == f"{unknown} is no kit of this study. Check where it comes from."
    assert scan(world, ready, far.number).startswith(f"{far.number} belongs to another site.")
    assert "has not been received here yet" in scan(world, ready, coming.number)
    assert scan(world, ready, own[0].number).endswith(f"Put it back and fetch {picked.number}.")
    with standing_at("vault"):
        old = Kit.objects.filter(shipment__lot="LOT-E").first()
    with clock.at(clock.now() + datetime.timedelta(days=2)):
        assert scan(world, ready, old.number) == f"{old.number} has expired. Put it aside; it cannot be dispensed."
    moved(world, own[0], Movement.QUARANTINED)
    assert "is in quarantine" in scan(world, ready, own[0].number)
    moved(world, own[1], Movement.BROKEN)
    assert "is on record as broken" in scan(world, ready, own[1].number)
    moved(world, own[2], Movement.LOST)
    assert "is on record as missing" in scan(world, ready, own[2].number)
    moved(world, own[1], Movement.DESTROYED, certificate="C-1")
    assert "is on record as destroyed" in scan(world, ready, own[1].number)


def test_a_scanner_may_leave_out_what_a_person_would_type(world: World, ready) -> None:
    picked = pharmacy.picked(world, ready)
    bare = picked.number.replace("-", "")
    with standing_at("vault"):
        for typed in (picked.number, bare, bare[1:], f" {picked.number.lower()} ", bare[1:6] + " " + bare[6:]):
            assert dispensing.check_scan(session_id=ready.pk, scanned=typed, by=world.pharmacist) == picked


def test_the_earliest_expiry_that_reaches_the_session_is_taken(world: World, ready) -> None:
    pharmacy.received(world, lot="LOT-SOON", expires_in=datetime.timedelta(days=1))
    pharmacy.received(world, lot="LOT-NEXT", expires_in=datetime.timedelta(days=30))
    kit = pharmacy.picked(world, ready)
    with standing_at("vault"):
        assert KitShipment.objects.get(kits=kit).lot == "LOT-NEXT"


def test_a_picked_kit_that_expires_is_not_dispensed(world: World, ready) -> None:
    pharmacy.received(world, lot="LOT-NEXT", expires_in=datetime.timedelta(days=3))
    kit = pharmacy.picked(world, ready)
    with clock.at(clock.now() + datetime.timedelta(days=5)), pytest.raises(InvalidInput, match="has expired"):
        give(ready, kit, world.pharmacist)
    assert capsule_of(ready) is None


def test_a_lot_that_lacks_one_treatment_serves_nobody_and_the_depot_is_told(world: World, ready) -> None:
    """Else the refusal, or the lot on the label, would say who needs the treatment that is used up."""
    with standing_at("vault"):
        of_b = [kit for kit in Kit.objects.all() if open_content(kit) == "B"]
    for kit in of_b:
        moved(world, kit, Movement.QUARANTINED)
    other = pharmacy.planned(world, journey.randomized(world))
    for session in (ready, other):
        with standing_at("vault"), pytest.raises(dispensing.StockShort, match="does not cover the study's design"):
            dispensing.pick(session_id=session.pk, by=world.pharmacist)
    assert {message.subject for message in mail.outbox if "unblinded-statistician@example.org" in message.to} == {
        "Kits are needed"
    }
    pharmacy.received(world, lot="LOT-LATER", expires_in=datetime.timedelta(days=500))
    for session in (ready, other):
        kit = pharmacy.picked(world, session)
        with standing_at("vault"):
            assert KitShipment.objects.get(kits=kit).lot == "LOT-LATER"


def test_a_broken_kit_is_replaced_by_one_with_the_same_content(world: World, ready) -> None:
    first = pharmacy.dispensed(world, ready)
    with standing_at("vault"):
        broken = Kit.objects.get(movements__kind=Movement.DISPENSED)
    with pytest.raises(InvalidInput, match="Give the reason"), standing_at("vault"):
        kits.move_kits(
            study=world.study, numbers=[broken.number], movement=Movement.BROKEN, password=PASSWORD,
            second=pharmacy.SECOND, by=world.pharmacist,
        )  # fmt: skip
    moved(world, broken, Movement.BROKEN)
    with standing_at("vault"):
        (waiting,) = waiting_for(world.pharmacist, world.study)
        assert (waiting.session.pk, waiting.is_replacement) == (ready.pk, True)
    second = pharmacy.dispensed(world, ready)
    assert second.number != first.number
    assert capsule_of(ready).number == second.number
    with standing_at("vault"):
        given = Kit.objects.filter(movements__kind=Movement.DISPENSED)
        assert {open_content(kit) for kit in given} == {treatment_due(ready)}
        assert given.count() == 2
    moved(world, broken, Movement.DESTROYED, certificate="C-7")
    with standing_at("vault"), pytest.raises(InvalidState, match="already"):
        dispensing.pick(session_id=ready.pk, by=world.pharmacist)


def test_a_kit_whose_content_is_not_what_is_due_is_never_dispensed(world: World, ready, monkeypatch) -> None:
    kit = pharmacy.picked(world, ready)
    with standing_at("vault"):
        wrong = next(code for code in "AB" if code != treatment_due(ready))
    monkeypatch.setattr(dispensing, "open_content", lambda kit: wrong)
    before = lines()
    with pytest.raises(BlindingViolation, match="must not be dispensed"):
        give(ready, kit, world.pharmacist)
    assert (lines(), capsule_of(ready)) == (before, None)
