"""Stock: shipments in, quarantine, returns, loss, destruction, recall and the books, with refusal twins."""

import datetime
import uuid

import pytest
from django.core import mail
from django.test import TestCase

from sessions.allocation import kit_books, kits
from sessions.allocation.kit_contents import may_know, open_content, show_content
from sessions.allocation.kit_ledger import Movement, State
from sessions.allocation.kit_models import Kit, KitAct, KitCount, KitMovement, KitShipment
from sessions.allocation.kit_numbers import numbers_in, written
from sessions.allocation.kit_recall import affected_by, recall_lot
from sessions.allocation.kit_selectors import (
    due_for_destruction,
    find_kit,
    kit_for,
    label_for,
    labels_for,
    lots_of,
    low_sites,
    shipment_for,
    shipments_for,
    stock_for,
)
from sessions.allocation.kit_signing import Second, latest, state_of
from sessions.allocation.kit_signing import move as move_lines
from sessions.allocation.kit_supply import supply
from sessions.randomization import is_kit_number
from sessions.services import conduct
from studyportal import clock
from studyportal.accounts.roles import Role
from studyportal.audit.models import Event
from studyportal.errors import BlindingViolation, InvalidInput, InvalidState, NotFound, NotPermitted
from tests.conftest import standing_at
from tests.factories import journey, pharmacy
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _second(world: World) -> None:
    pharmacy.second_pharmacist(world)


def move(world: World, numbers, movement: Movement, **changed: object) -> KitAct:
    asked = {"reason": "Seen", "password": PASSWORD, "second": pharmacy.SECOND, "by": world.pharmacist} | changed
    with standing_at("vault"):
        return kits.move_kits(study=world.study, numbers=list(numbers), movement=movement, **asked)


def states(**where: object) -> dict[str, State]:
    with standing_at("vault"):
        return {kit.number: state_of(kit) for kit in latest(Kit.objects.filter(**where).order_by("number"))}


def numbers(shipment: KitShipment) -> list[str]:
    with standing_at("vault"):
        return list(shipment.kits.order_by("number").values_list("number", flat=True))


def arrive(world: World, shipment: KitShipment, password: str = PASSWORD, by=None, **said: object) -> KitAct:
    found = {"counted": 8, "condition": "Box intact"} | said
    with standing_at("vault"):
        return kits.receive(
            study=world.study, shipment_id=shipment.pk, arrival=kits.Arrival(**found), password=password,
            by=by or world.pharmacist,
        )  # fmt: skip


def test_a_shipment_holds_as_many_of_every_treatment_under_sealed_numbers(world: World) -> None:
    shipment = pharmacy.shipped(world, each=6)
    with standing_at("vault"):
        own = list(shipment.kits.all())
        assert sorted(open_content(kit) for kit in own) == ["A"] * 6 + ["B"] * 6
        assert all(is_kit_number(kit.number) for kit in own)
        blobs = {bytes(kit.sealed) for kit in own}
        assert (len(blobs), len({len(blob) for blob in blobs})) == (12, 1)
        one, other = own[0], own[1]
        one.sealed = other.sealed
        with pytest.raises(BlindingViolation, match="altered or moved"):
            open_content(one)
    assert set(states(shipment=shipment).values()) == {State.IN_TRANSIT}
    assert (shipment.number, pharmacy.shipped(world, lot="LOT-B").number) == ("S-001", "S-002")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"lot": " "}, "lot"),
        ({"lot": "A/1"}, "lot"),
        ({"storage": ""}, "storage"),
        ({"expires_on": datetime.date(2020, 1, 1)}, "expires_on"),
        ({"kits_per_treatment": 0}, "kits_per_treatment"),
        ({"kits_per_treatment": 401}, "kits_per_treatment"),
        ({"lot": "LOT-A"}, "expires_on"),
    ],
)
def test_an_impossible_shipment_is_refused_beside_its_field(world: World, changed, field: str) -> None:
    pharmacy.shipped(world)
    asked = {
        "site": world.site, "lot": "LOT-N", "expires_on": clock.now().date() + datetime.timedelta(days=90),
        "storage": "Fridge", "kits_per_treatment": 2, "by": world.unblinded_statistician,
    }  # fmt: skip
    with standing_at("vault"):
        with pytest.raises(InvalidInput) as refused:
            kits.announce_shipment(study=world.study, **asked | changed)
        assert set(refused.value.fields) == {field}
        assert KitShipment.objects.count() == 1


def test_only_the_depot_ships_and_only_the_sites_pharmacy_receives(world: World) -> None:
    shipment = pharmacy.shipped(world)
    south = make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    for person in (world.pharmacist, world.coordinator):
        with standing_at("vault"), pytest.raises(NotPermitted):
            kits.announce_shipment(
                study=world.study, site=world.site, lot="X", expires_on=datetime.date(2031, 1, 1), storage="Fridge",
                kits_per_treatment=1, by=person,
            )  # fmt: skip
    for person in (south, world.unblinded_statistician):
        with pytest.raises(NotPermitted):
            arrive(world, shipment, by=person)
    assert set(states().values()) == {State.IN_TRANSIT}


def test_received_kits_are_in_stock_damaged_ones_wait_absent_ones_are_missing(world: World) -> None:
    shipment = pharmacy.shipped(world)
    own = numbers(shipment)
    arrive(world, shipment, counted=7, not_arrived=own[0], damaged=f"{own[1]}\n{own[2].replace('-', '')}")
    assert states() == {
        own[0]: State.MISSING, own[1]: State.QUARANTINED, own[2]: State.QUARANTINED,
        **dict.fromkeys(own[3:], State.IN_STOCK),
    }  # fmt: skip
    with pytest.raises(InvalidState, match="was received already"):
        arrive(world, shipment)


def test_after_an_excursion_everything_waits_in_quarantine_until_two_people_release_it(world: World) -> None:
    shipment = pharmacy.shipped(world)
    arrive(world, shipment, had_excursion=True, temperature="29 °C for 2 hours")
    assert set(states().values()) == {State.QUARANTINED}
    own = numbers(shipment)
    with pytest.raises(InvalidInput, match="second person"):
        move(world, own, Movement.RELEASED, second=None)
    assert set(states().values()) == {State.QUARANTINED}
    move(world, own, Movement.RELEASED, reason="Stability data cover 30 °C for a day")
    assert set(states().values()) == {State.IN_STOCK}


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"counted": 7}, "counted", "You counted 7"),
        ({"counted": 8, "not_arrived": "FIRST"}, "counted", "so 7 should be here"),
        ({"counted": 7, "not_arrived": "FIRST", "damaged": "FIRST"}, "damaged", "cannot be both"),
        ({"damaged": "K-99999-9"}, "damaged", "K-99999-9 is not in this shipment"),
        ({"not_arrived": "seven"}, "not_arrived", "seven is not in this shipment"),
        ({"had_excursion": True}, "temperature", "lowest and highest"),
    ],
)
def test_a_receipt_that_does_not_add_up_is_refused(world: World, said, field: str, words: str) -> None:
    shipment = pharmacy.shipped(world)
    first = numbers(shipment)[0]
    said = {key: first if value == "FIRST" else value for key, value in said.items()}
    with pytest.raises(InvalidInput) as refused:
        arrive(world, shipment, **said)
    assert words in refused.value.fields[field]
    assert set(states().values()) == {State.IN_TRANSIT}


def test_a_receipt_needs_the_password_and_a_shipment_of_this_study(world: World) -> None:
    shipment = pharmacy.shipped(world)
    with pytest.raises(InvalidInput, match="password"):
        arrive(world, shipment, password="wrong")
    shipment.pk = uuid.uuid4()
    with pytest.raises(NotFound):
        arrive(world, shipment)
    assert set(states().values()) == {State.IN_TRANSIT}


@pytest.mark.parametrize(
    ("movement", "changed", "field"),
    [
        (Movement.QUARANTINED, {"reason": " "}, "reason"),
        (Movement.BROKEN, {"reason": ""}, "reason"),
        (Movement.LOST, {"password": "wrong"}, "password"),
        (Movement.LOST, {"second": Second("pharmacist", PASSWORD)}, "second"),
        (Movement.DESTROYED, {"certificate": " "}, "certificate"),
        (Movement.RETURNED, {}, "units"),
    ],
)
def test_an_act_without_what_it_needs_changes_nothing(world: World, movement: Movement, changed, field: str) -> None:
    own = numbers(pharmacy.received(world))
    with pytest.raises(InvalidInput) as refused:
        move(world, own[:1], movement, **changed)
    assert field in refused.value.fields
    assert set(states().values()) == {State.IN_STOCK}


def test_numbers_that_are_none_are_refused(world: World) -> None:
    pharmacy.received(world)
    south = numbers(pharmacy.received(world, site=world.other_site, lot="LOT-S"))[0]
    own = numbers(KitShipment(pk=uuid.uuid4()))
    assert own == []
    with pytest.raises(InvalidInput, match="Name a kit"):
        move(world, [], Movement.QUARANTINED)
    with pytest.raises(InvalidInput, match="no such kit"):
        move(world, ["K-12345"], Movement.QUARANTINED)
    only_north = make_member("north-pharmacist", Role.PHARMACIST, world.study, world.site)
    with pytest.raises(NotFound, match="is no kit of your site"):
        move(world, [south], Movement.QUARANTINED, by=only_north)
    with pytest.raises(InvalidInput, match="at two sites"):
        move(world, [south, next(iter(states(shipment__lot="LOT-A")))], Movement.QUARANTINED)
    with pytest.raises(NotPermitted):
        move(world, [south], Movement.QUARANTINED, by=world.unblinded_statistician)
    assert set(states().values()) == {State.IN_STOCK}


def test_a_movement_that_cannot_follow_is_refused_in_words(world: World) -> None:
    own = numbers(pharmacy.received(world))
    with pytest.raises(InvalidState, match="the kit is in stock"):
        move(world, own[:1], Movement.RELEASED)
    with pytest.raises(InvalidState, match="is in stock and has not expired"):
        move(world, own[:1], Movement.DESTROYED, certificate="C-1")


def test_what_was_broken_lost_and_found_is_never_released_again(world: World) -> None:
    own = numbers(pharmacy.received(world))
    move(world, own[:1], Movement.BROKEN)
    move(world, own[:1], Movement.LOST)
    move(world, own[:1], Movement.FOUND)
    with pytest.raises(InvalidState, match="was dispensed, broken or recalled before"):
        move(world, own[:1], Movement.RELEASED)
    move(world, own[1:2], Movement.LOST)
    move(world, own[1:2], Movement.FOUND)
    move(world, own[1:2], Movement.RELEASED)
    assert states()[own[1]] is State.IN_STOCK


def test_expired_kits_are_due_and_destroyed_with_certificate_and_two_signatures(world: World) -> None:
    own = numbers(pharmacy.received(world, expires_in=datetime.timedelta(days=5)))
    with standing_at("vault"):
        (row,) = stock_for(world.pharmacist, world.study)
        assert (row.has_expired, row.expires_soon, due_for_destruction([row])) == (False, True, [])
    with clock.at(clock.now() + datetime.timedelta(days=6)):
        with standing_at("vault"):
            (row,) = due_for_destruction(stock_for(world.pharmacist, world.study))
            assert (row.in_stock, row.expires_soon) == (8, False)
        move(world, own, Movement.DESTROYED, reason="", certificate="CERT-9")
        with standing_at("vault"):
            assert due_for_destruction(stock_for(world.pharmacist, world.study)) == []
            act = KitAct.objects.get(kind="destroyed")
            assert (act.details["certificate"], act.checked_by.username) == ("CERT-9", "second-pharmacist")


@pytest.fixture
def dispensed(world: World):
    journey.activate_list(world)
    pharmacy.received(world)
    session = pharmacy.planned(world, journey.randomized(world))
    label = pharmacy.dispensed(world, session)
    with standing_at("vault"):
        return session, label, Kit.objects.get(movements__kind=Movement.DISPENSED)


def test_returns_are_counted(world: World, dispensed) -> None:
    _, _, kit = dispensed
    move(world, [kit.number], Movement.RETURNED, units=0, reason="Taken")
    with standing_at("vault"):
        _, state, lines = kit_for(world.pharmacist, world.study, kit.number)
        assert state is State.RETURNED
        assert [(line.movement, line.units, line.participant, line.period) for line in lines] == [
            (Movement.RETURNED, 0, "", None), (Movement.DISPENSED, None, "XO-001", 1),
            (Movement.RESERVED, None, "XO-001", 1), (Movement.RECEIVED, None, "", None),
            (Movement.ANNOUNCED, None, "", None),
        ]  # fmt: skip
        assert (lines[1].by, lines[1].checked_by) == ("Pharmacist", "Second Pharmacist")


def recall(world: World, **changed: object) -> KitAct:
    asked = {
        "lot": "LOT-A", "reason": "Foil not tight", "password": PASSWORD, "second": pharmacy.SECOND,
        "by": world.unblinded_statistician,
    } | changed  # fmt: skip
    with standing_at("vault"):
        return recall_lot(study=world.study, **asked)


def test_a_recall_takes_a_lot_out_of_use_everywhere_and_tells_without_a_treatment(world: World, dispensed) -> None:
    session, _, kit = dispensed
    pharmacy.shipped(world, site=world.other_site)
    pharmacy.received(world, lot="LOT-B")
    with standing_at("vault"), TestCase.captureOnCommitCallbacks(execute=True):
        recall(world)
    assert set(states(shipment__lot="LOT-A").values()) == {State.RECALLED}
    assert set(states(shipment__lot="LOT-B").values()) == {State.IN_STOCK}
    with standing_at("vault"):
        assert [
            (one.participant, one.period, one.kit) for one in affected_by(world.pharmacist, world.study, "LOT-A")
        ] == [("XO-001", 1, kit.number)]
    told = {address: message.body for message in mail.outbox for address in message.to}
    assert {"pharmacist@example.org", "second-pharmacist@example.org", "investigator@example.org"} <= told.keys()
    assert "XO-001, period 1" in told["investigator@example.org"]
    assert "XO-001" not in told["pharmacist@example.org"]
    for body in told.values():
        assert "Naltrexone" not in body
        assert "Placebo" not in body
    # The session has not begun: it can be served again from the other lot.
    again = pharmacy.dispensed(world, session)
    with standing_at("vault"):
        assert label_for(world.pharmacist, world.study, again.pk)[1].shipment.lot == "LOT-B"


def test_a_recall_leaves_with_the_participant_what_was_taken(world: World, dispensed) -> None:
    session, _, kit = dispensed
    conduct.start(session=session, started_at=clock.now(), by=world.coordinator)
    recall(world)
    assert states()[kit.number] is State.DISPENSED
    with pytest.raises(InvalidState, match="Nothing of this lot is left"):
        recall(world)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"lot": "LOT-X"}, NotFound),
        ({"reason": " "}, InvalidInput),
        ({"password": "wrong"}, InvalidInput),
        ({"second": Second("unblinded-statistician", PASSWORD)}, InvalidInput),
    ],
)
def test_a_recall_without_what_it_needs_changes_nothing(world: World, changed, error) -> None:
    pharmacy.received(world)
    with pytest.raises(error):
        recall(world, **changed)
    with pytest.raises(NotPermitted):
        recall(world, by=world.pharmacist)
    assert set(states().values()) == {State.IN_STOCK}


def test_the_books_add_up_and_a_count_that_differs_is_explained(world: World, dispensed) -> None:
    shipment = pharmacy.shipped(world, each=1)
    arrive(world, shipment, counted=1, not_arrived=numbers(shipment)[0])
    asked = {
        "study": world.study, "site_id": world.site.pk, "lot": "LOT-A", "password": PASSWORD,
        "second": pharmacy.SECOND, "by": world.pharmacist,
    }  # fmt: skip
    with standing_at("vault"):
        (row,) = kit_books.books_for(world.pharmacist, world.study)
        assert (row.books.announced, row.books.never_arrived, row.books.received, row.books.difference) == (10, 1, 9, 0)
        assert {state: number for state, number in row.states if number} == {State.IN_STOCK: 8, State.DISPENSED: 1}
        assert (row.on_shelf, row.count) == (8, None)
        assert kit_books.as_table([row])[0][-4:] == ["", "", "", ""]
        with pytest.raises(InvalidInput, match="The books say 8, you counted 7"):
            kit_books.record_count(counted=7, explanation=" ", **asked)
        with pytest.raises(InvalidInput, match="Two different people"):
            kit_books.record_count(counted=8, explanation="", **asked | {"second": Second("pharmacist", PASSWORD)})
        with pytest.raises(NotFound, match="no such lot"):
            kit_books.record_count(counted=8, explanation="", **asked | {"lot": "LOT-Z"})
        with pytest.raises(NotFound, match="no such site"):
            kit_books.record_count(counted=8, explanation="", **asked | {"site_id": uuid.uuid4()})
        assert KitCount.objects.count() == 0
        kit_books.record_count(counted=7, explanation="One fell behind the shelf", **asked)
        (row,) = kit_books.books_for(world.pharmacist, world.study)
        assert (row.count.counted, row.count.expected, row.count.differs) == (7, 8, True)
        assert kit_books.as_table([row])[0][-3:] == ["7", "8", "One fell behind the shelf"]
        assert len(kit_books.HEADINGS) == len(kit_books.as_table([row])[0])
        kit_books.record_count(counted=8, explanation="", **asked)
        assert kit_books.books_for(world.pharmacist, world.study)[0].count.differs is False
        assert sorted(map(str, KitCount.objects.all())) == ["LOT-A: 7 of 8", "LOT-A: 8 of 8"]


# Who sees what: the table of blinding.md, cell by cell


def test_a_pharmacist_sees_what_was_dispensed_at_the_own_site_and_nothing_else(world: World, dispensed) -> None:
    _, _, kit = dispensed
    far = numbers(pharmacy.received(world, site=world.other_site, lot="LOT-S"))[0]
    waiting = next(number for number, state in states().items() if state is State.IN_STOCK)
    north = make_member("north-pharmacist", Role.PHARMACIST, world.study, world.site)
    south = make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    with standing_at("vault"):
        name = world.study.treatments.get(code=open_content(kit)).name
        assert show_content(study=world.study, number=kit.number, password=PASSWORD, by=north) == name
        event = Event.objects.filter(name="kit contents opened").latest("at")
        assert (event.target, event.data) == (kit.number, {"reason": "shown to a person"})
        seen = Event.objects.count()
        for person, number in ((north, waiting), (north, far), (south, kit.number), (south, far)):
            with pytest.raises(NotFound, match="not yours to see"):
                show_content(study=world.study, number=number, password=PASSWORD, by=person)
        with pytest.raises(InvalidInput, match="password"):
            show_content(study=world.study, number=kit.number, password="wrong", by=north)
        assert Event.objects.count() == seen


def test_the_unblinded_statistician_sees_every_content_and_nobody_blinded_any(world: World, dispensed) -> None:
    _, _, kit = dispensed
    waiting = next(number for number, state in states().items() if state is State.IN_STOCK)
    with standing_at("vault"):
        for number in (kit.number, waiting):
            held = open_content(Kit.objects.get(number=number))
            shown = show_content(study=world.study, number=number, password=PASSWORD, by=world.unblinded_statistician)
            assert shown == world.study.treatments.get(code=held).name
        for role in (
            "coordinator", "rater", "imaging_analyst", "monitor", "investigator", "statistician", "data_manager",
            "administrator",
        ):  # fmt: skip
            with pytest.raises(NotPermitted):
                show_content(study=world.study, number=kit.number, password=PASSWORD, by=world.people[role])
            for read in (stock_for, shipments_for, lots_of):
                with pytest.raises(NotPermitted):
                    read(world.people[role], world.study)


def test_nobody_blinded_may_know_a_content(world: World, dispensed) -> None:
    with standing_at("vault"):
        kit = Kit.objects.select_related("study", "shipment__site").get(pk=dispensed[2].pk)
        assert [name for name, person in world.people.items() if may_know(kit, person)] == [
            "pharmacist", "unblinded_statistician",
        ]  # fmt: skip


def test_two_signatures_are_asked_for_once_more_where_the_line_is_written(world: World) -> None:
    numbers(pharmacy.received(world))
    with standing_at("vault"):
        act = KitAct.objects.get(kind="received")
        kits_now = list(latest(Kit.objects.all()[:1]))
        with pytest.raises(InvalidState, match="A second person must sign this"):
            move_lines(act, kits_now, Movement.LOST)
        move_lines(act, kits_now, Movement.QUARANTINED)
        kits_now[0].last_kind, kits_now[0].last_seq = "received", 2
        with pytest.raises(InvalidState, match="Somebody else moved this kit"):
            move_lines(act, kits_now, Movement.QUARANTINED)
        assert [line.kind for line in KitMovement.objects.filter(kit=kits_now[0])] == [
            "announced", "received", "quarantined",
        ]  # fmt: skip


def test_supply_by_treatment_is_for_those_who_ship_and_says_what_to_send(world: World, dispensed) -> None:
    pharmacy.shipped(world, each=2)
    pharmacy.planned(world, journey.randomized(world, sex="M"))
    with standing_at("vault"):
        before = Event.objects.count()
        with pytest.raises(NotPermitted):
            supply(world.study, by=world.pharmacist)
        assert Event.objects.count() == before
        north, south = supply(world.study, by=world.unblinded_statistician)
        assert Event.objects.filter(name="kit contents opened").latest("at").target == "all kits in stock"
        assert (north.site.code, north.still_expected, south.still_expected) == ("01", 11, 13)
        assert [row.treatment for row in north.rows] == ["Placebo capsule", "Naltrexone 50 mg"]
        assert sorted(row.usable for row in north.rows) == [3, 4]
        assert [row.on_the_way for row in north.rows] == [2, 2]
        assert sum(row.allocated_need for row in north.rows) == 3
        assert north.send_of_each == max(row.allocated_need + 11 - row.usable - 2 for row in north.rows)
        assert south.send_of_each == 13


def test_low_stock_is_told_by_totals(world: World, dispensed) -> None:
    with standing_at("vault"):
        rows = stock_for(world.pharmacist, world.study)
        assert low_sites(world.pharmacist, world.study, rows) == []
    for sex in "MFMF":
        pharmacy.planned(world, journey.randomized(world, sex=sex))
    with standing_at("vault"):
        assert low_sites(world.pharmacist, world.study, rows) == [(world.site, 7, 4)]


def test_stock_is_shown_as_totals_of_the_own_site(world: World, dispensed) -> None:
    pharmacy.received(world, site=world.other_site, lot="LOT-S")
    north = make_member("north-pharmacist", Role.PHARMACIST, world.study, world.site)
    with standing_at("vault"):
        (row,) = stock_for(north, world.study)
        assert (row.lot, row.in_stock, row.given, row.held, row.on_the_way, row.out_of_use) == ("LOT-A", 7, 1, 0, 0, 0)
        assert [row.lot for row in stock_for(world.unblinded_statistician, world.study)] == ["LOT-A", "LOT-S"]
        assert lots_of(north, world.study) == ["LOT-A"]
        other = KitShipment.objects.get(lot="LOT-S")
        with pytest.raises(NotFound):
            shipment_for(north, world.study, other.pk)
        assert len(shipment_for(world.pharmacist, world.study, other.pk)[1]) == 8


def test_labels_and_kits_are_found_at_the_own_site_only(world: World, dispensed) -> None:
    _, label, kit = dispensed
    south = make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    with standing_at("vault"):
        assert label_for(world.pharmacist, world.study, label.pk) == (label, kit)
        assert [one.pk for one in labels_for(world.pharmacist, world.study, limit=5)] == [label.pk]
        assert labels_for(south, world.study, limit=5) == []
        with pytest.raises(NotFound):
            label_for(south, world.study, label.pk)
        with pytest.raises(NotFound):
            kit_for(south, world.study, kit.number)
        assert find_kit(world.pharmacist, world.study, kit.number.replace("-", "")) == kit.number
        with pytest.raises(InvalidInput, match="is no kit of your sites"):
            find_kit(south, world.study, kit.number)
        with pytest.raises(InvalidInput, match="check the digits"):
            find_kit(south, world.study, "K-1")


def test_numbers_are_read_as_typed() -> None:
    assert numbers_in(" k-12345-6,\nK123456; ;x ") == ["K-12345-6", "K-12345-6", "x"]
    assert (written("1"), written("K-")) == ("1", "K-")


def test_records_name_themselves(world: World, dispensed) -> None:
    _, label, kit = dispensed
    with standing_at("vault"):
        line = KitMovement.objects.select_related("act", "kit__shipment").filter(kit=kit).last()
        assert (str(line), str(kit), str(kit.shipment), str(label)) == (
            "4 dispensed", kit.number, "S-001", label.number,
        )  # fmt: skip
        assert str(line.act).startswith("dispensed at 20")
