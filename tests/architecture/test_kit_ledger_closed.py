"""The ledger takes no correction from anybody: every login, every verb, and every movement out of order."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from sessions.allocation.kit_books import record_count
from sessions.allocation.kit_ledger import LEADS_TO, SPENT, TWO_SIGNATURES, Movement, State, may_follow
from sessions.allocation.kit_models import DispensingLabel, Kit, KitAct, KitMovement
from tests.conftest import database_role, standing_at
from tests.factories import journey, pharmacy
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db

TABLES = (
    "alloc.kit", "alloc.kit_act", "alloc.kit_count", "alloc.kit_movement", "alloc.kit_shipment",
    "public.allocation_dispensinglabel",
)  # fmt: skip


@pytest.fixture
def served(world: World) -> World:
    journey.activate_list(world)
    pharmacy.second_pharmacist(world)
    pharmacy.received(world)
    pharmacy.dispensed(world, pharmacy.planned(world, journey.randomized(world)))
    with standing_at("vault"):
        record_count(
            study=world.study, site_id=world.site.pk, lot="LOT-A", counted=7, explanation="", password=PASSWORD,
            second=pharmacy.SECOND, by=world.pharmacist,
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as a commit would: nothing waits that a TRUNCATE trips over
    return world


def digest() -> list[object]:
    with database_role("portal_owner"), connection.cursor() as cursor:
        found = []
        for table in TABLES:
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t.id)) FROM {table} AS t")
            found.append(cursor.fetchone())
        return found


def test_no_login_changes_or_removes_a_line_and_even_the_owner_is_refused(served: World) -> None:
    before = digest()
    for login in ("portal_web", "portal_worker", "portal_vault", "portal_readonly", "portal_owner"):
        for table in TABLES:
            for statement in (
                f"UPDATE {table} SET id = gen_random_uuid()", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE",
            ):  # fmt: skip
                with pytest.raises(DatabaseError) as refused, database_role(login), transaction.atomic():
                    connection.cursor().execute(statement)
                said = str(refused.value)
                assert any(word in said for word in ("permission denied", "append-only", "must be owner")), said
    assert digest() == before


def test_the_blinded_logins_write_no_label_and_the_vault_changes_none(served: World) -> None:
    insert = (
        "INSERT INTO public.allocation_dispensinglabel (id, study_id, session_id, number, dispensed_at)"
        " SELECT gen_random_uuid(), study_id, session_id, 'D-1', now() FROM public.allocation_dispensinglabel"
    )
    for login in ("portal_web", "portal_worker", "portal_readonly"):
        with pytest.raises(DatabaseError, match="permission denied"), database_role(login), transaction.atomic():
            connection.cursor().execute(insert)
    assert DispensingLabel.objects.count() == 1


def test_the_database_holds_the_same_rules_as_the_code(served: World) -> None:
    """Every movement is tried after every movement, with and without a second person, in a place of its own."""
    with standing_at("vault"):
        template = Kit.objects.first()
        two, one = KitAct.objects.get(kind="dispensed"), KitAct.objects.get(kind="received")
        ways = _ways()
        for last, way in ways.items():
            for movement in Movement:
                for act in (two, one):
                    allowed = may_follow(movement, LEADS_TO[last], is_spent=not SPENT.isdisjoint(way))
                    allowed = allowed and (act is two or movement not in TWO_SIGNATURES)
                    assert _is_taken(template, [*way, movement], two, act) is allowed, (last, movement, act.kind)


def _ways() -> dict[Movement, list[Movement]]:
    """Return a legal way to each movement."""
    ways: dict[Movement, list[Movement]] = {Movement.ANNOUNCED: [Movement.ANNOUNCED]}
    while len(ways) < len(Movement):
        for way in list(ways.values()):
            for movement in Movement:
                spent = not SPENT.isdisjoint(way)
                if movement not in ways and may_follow(movement, LEADS_TO[way[-1]], is_spent=spent):
                    ways[movement] = [*way, movement]
    return ways


def _is_taken(template: Kit, way: list[Movement], signed: KitAct, last: KitAct) -> bool:
    try:
        with transaction.atomic():
            kit = Kit.objects.create(
                study_id=template.study_id, shipment_id=template.shipment_id, number=uuid.uuid4().hex[:14],
                sealed=template.sealed,
            )  # fmt: skip
            for seq, movement in enumerate(way, start=1):
                act = last if seq == len(way) else signed
                KitMovement.objects.create(kit=kit, act=act, seq=seq, kind=movement)
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return True


def test_a_gap_and_a_taken_place_are_refused(served: World) -> None:
    with standing_at("vault"):
        act, kit = KitAct.objects.get(kind="dispensed"), Kit.objects.filter(movements__kind="dispensed").get()
        for seq in (4, 6, 0):
            with pytest.raises(DatabaseError), transaction.atomic():
                KitMovement.objects.create(kit=kit, act=act, seq=seq, kind=Movement.RETURNED)
        assert [line.seq for line in KitMovement.objects.filter(kit=kit)] == [1, 2, 3, 4]
        KitMovement.objects.create(kit=kit, act=act, seq=5, kind=Movement.RETURNED)


def test_one_person_cannot_be_both(served: World) -> None:
    with standing_at("vault"), pytest.raises(DatabaseError, match="second_person"), transaction.atomic():
        KitAct.objects.create(
            study=served.study, kind="dispensed", by=served.pharmacist, checked_by=served.pharmacist,
            content_sha256="0" * 64,
        )  # fmt: skip


def test_what_lies_in_the_tables_names_no_treatment(served: World) -> None:
    with database_role("portal_owner"), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")
            (text,) = cursor.fetchone()
            assert "Naltrexone" not in text
            assert "Placebo" not in text
        cursor.execute("SELECT count(DISTINCT sealed), count(DISTINCT length(sealed)), count(*) FROM alloc.kit")
        assert cursor.fetchone() == (8, 1, 8)
    assert State.DISPENSED.words == "Dispensed"
