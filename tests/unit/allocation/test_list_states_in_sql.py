"""What the database itself refuses of a list, whoever asks: skipped states, changed facts, places too many."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from sessions.allocation.generation import create_list
from sessions.allocation.models import ListSlot, RandomizationList, Stratum
from tests.conftest import database_role, standing_at
from tests.factories import lists as listed
from tests.factories.world import World

pytestmark = pytest.mark.django_db

STATES = ("draft", "generated", "accepted", "approved", "published", "active", "closed")
MAKERS = {"draft": "drafted", "active": "activated"}


def bring(world: World, state: str) -> RandomizationList:
    people = {"maker": world.unblinded_statistician}
    if state in {"approved", "published", "active"}:
        people["second"] = world.pharmacist
    with standing_at("vault"):
        return getattr(listed, MAKERS.get(state, state))(world.study, **people)


def said(statement: str, *parameters: object, login: str = "portal_vault") -> str:
    with pytest.raises(DatabaseError) as refused, database_role(login), transaction.atomic():
        connection.cursor().execute(statement, parameters)
    return str(refused.value)


def settle() -> None:
    """Let the checks of foreign keys happen now: a table with pending ones cannot be altered or emptied."""
    connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def row(made: RandomizationList) -> dict[str, object]:
    with standing_at("vault"):
        return RandomizationList.objects.values().get(pk=made.pk)


@pytest.mark.parametrize("state", STATES[:-1])
def test_a_state_leads_to_the_next_or_to_closed_only(world: World, state: str) -> None:
    made = bring(world, state)
    before = row(made)
    allowed = {state, STATES[STATES.index(state) + 1], "closed"}
    for login in ("portal_vault", "portal_owner"):
        for other in (*(one for one in STATES if one not in allowed), "forgotten"):
            words = said("UPDATE alloc.randomization_list SET state = %s WHERE id = %s", other, made.pk, login=login)
            assert f"a list goes from {state} to the next state only" in words
    # To the next, but without who and when.
    for other in allowed - {state}:
        words = said("UPDATE alloc.randomization_list SET state = %s WHERE id = %s", other, made.pk)
        assert "violates check constraint" in words
    assert row(made) == before


@pytest.mark.parametrize("state", ["generated", "accepted", "approved", "published", "active"])
def test_what_a_state_wrote_never_changes(world: World, state: str) -> None:
    made = bring(world, state)
    before = row(made)
    for change in (
        "method = 'simple'", "parameters = '{}'", "generator = 'chacha20'", "slots_per_stratum = 1",
        "sequences = '[]'", "commits_to = 'slots'", "commitment_root = repeat('0', 64)",
        "sealed_seed = 'x'", "generated_by_id = NULL", "generated_at = now()", "accepted_at = now()",
        "sealed_report = 'x'", "approved_at = now()", "published_at = now()", "activated_at = now()",
        "closed_reason = 'x'",
    ):  # fmt: skip
        words = said(f"UPDATE alloc.randomization_list SET {change} WHERE id = %s", made.pk)
        assert "is written with that state and never changes" in words, change
    for change in ("study_id = study_id, position = 9", "drafted_at = now()", "id = gen_random_uuid()"):
        assert "permission denied" in said(f"UPDATE alloc.randomization_list SET {change} WHERE id = %s", made.pk)
        words = said(f"UPDATE alloc.randomization_list SET {change} WHERE id = %s", made.pk, login="portal_owner")
        assert "never changes" in words
    assert row(made) == before


@pytest.mark.parametrize("column", ["generated_by_id", "accepted_by_id", "drafted_by_id"])
def test_the_approver_is_a_second_person_whatever_the_program_says(world: World, column: str) -> None:
    made = bring(world, "accepted")
    words = said(
        f"UPDATE alloc.randomization_list SET state = 'approved', approved_by_id = {column}, approved_at = now()"
        " WHERE id = %s", made.pk,
    )  # fmt: skip
    assert "list_approved_by_a_second_person" in words
    assert row(made)["state"] == "accepted"


def test_a_list_begins_as_a_draft(world: World) -> None:
    draft = (
        "INSERT INTO alloc.randomization_list (id, study_id, position, state, method, parameters, generator,"
        " slots_per_stratum, sequences, commits_to, commitment_root, drafted_by_id, drafted_at, closed_reason{})"
        " SELECT %s, %s, 1, {}, 'simple', '{{}}', 'chacha20', 4, '[]', {}, '', %s, now(), ''{}"
    )
    who = (uuid.uuid4(), world.study.pk, world.unblinded_statistician.pk)
    for columns, state, commits, values in (
        ("", "'active'", "'list'", ""),
        ("", "'draft'", "'slots'", ""),
        (", sealed_seed", "'draft'", "'list'", ", '\\x00'::bytea"),
        (", approved_by_id", "'draft'", "'list'", ", gen_random_uuid()"),
    ):
        assert "a list begins as a draft" in said(draft.format(columns, state, commits, values), *who)
    with standing_at("vault"):
        assert not RandomizationList.objects.exists()


def test_a_generated_list_gets_no_further_place_and_no_number_twice(world: World) -> None:
    made = bring(world, "generated")
    with standing_at("vault"):
        head, slot = Stratum.objects.filter(list=made)[0], ListSlot.objects.filter(stratum__list=made)[0]
        count = ListSlot.objects.count()
    place = (
        "INSERT INTO alloc.list_slot (id, stratum_id, ordinal, number, sealed)"
        " SELECT gen_random_uuid(), %s, 99, %s, 'x'"
    )
    assert "a generated list gets no further place" in said(place, head.pk, "R-0")
    stratum = "INSERT INTO alloc.stratum (id, list_id, key, taken) SELECT gen_random_uuid(), %s, 'x', 0"
    assert "a generated list gets no further stratum" in said(stratum, made.pk)
    draft = bring(world, "draft")
    with standing_at("vault"):
        other = Stratum.objects.create(list=draft, key="01|F")
    assert "a randomization number stands once in a study" in said(place, other.pk, slot.number)
    with database_role("portal_owner"):
        words = said("UPDATE alloc.stratum SET taken = taken + 2 WHERE id = %s", head.pk, login="portal_owner")
        assert "only moves to its next place" in words
    for change in ("taken = 0", "taken = 5", "key = '02|M'"):
        assert "only moves to its next place" in said(f"UPDATE alloc.stratum SET {change}", login="portal_owner")
        assert "permission denied" in said(f"UPDATE alloc.stratum SET {change}")
    with standing_at("vault"):
        assert ListSlot.objects.count() == count


@pytest.mark.parametrize("table", ["randomization_list", "stratum", "list_slot", "allocation"])
def test_nobody_empties_a_table_of_the_secret(world: World, table: str) -> None:
    bring(world, "active")
    for statement in (f"DELETE FROM alloc.{table}", f"TRUNCATE alloc.{table} CASCADE"):
        assert "permission denied" in said(statement)
        assert "permission denied" in said(statement, login="portal_web")
    settle()
    assert "append-only" in said(f"TRUNCATE alloc.{table} CASCADE", login="portal_owner")


def test_the_blinded_login_changes_nothing_of_a_list(world: World) -> None:
    made = bring(world, "published")
    for statement in (
        "UPDATE alloc.randomization_list SET state = 'active'", "SELECT state FROM alloc.randomization_list",
        "SELECT alloc.clear_design(gen_random_uuid())", "SELECT alloc.keep_list()",
        "INSERT INTO alloc.stratum (id, list_id, key, taken) VALUES (gen_random_uuid(), gen_random_uuid(), 'x', 0)",
    ):  # fmt: skip
        for login in ("portal_web", "portal_worker", "portal_readonly"):
            assert "permission denied" in said(statement, login=login)
    assert row(made)["state"] == "published"


@pytest.mark.parametrize("state", ["generated", "accepted", "approved", "published"])
def test_nothing_is_allocated_before_a_list_is_open(world: World, state: str) -> None:
    from sessions.allocation.services import allocate
    from tests.factories import journey

    bring(world, state)
    waiting = journey.eligible(world)
    asked = {"participant_id": waiting.pk, "study_id": world.study.pk, "stratum": "01|F", "request_id": uuid.uuid4()}
    assert allocate(**asked) is None
    with standing_at("vault"):
        assert Stratum.objects.filter(taken__gt=0).count() == 0


def test_an_active_list_that_lost_its_publication_allocates_nothing(world: World) -> None:
    from sessions.allocation.services import allocate
    from tests.factories import journey

    made = bring(world, "active")
    waiting = journey.eligible(world)
    settle()
    with database_role("portal_admin"), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE alloc.randomization_list DROP CONSTRAINT list_published_by_somebody")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE alloc.randomization_list SET published_at = NULL WHERE id = %s", [made.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")
    asked = {"participant_id": waiting.pk, "study_id": world.study.pk, "stratum": "01|F", "request_id": uuid.uuid4()}
    assert allocate(**asked) is None


def test_an_extension_keeps_clear_of_earlier_numbers_and_has_a_root_of_its_own(world: World) -> None:
    with standing_at("vault"):
        first = listed.activated(world.study, maker=world.unblinded_statistician, second=world.pharmacist)
        second = create_list(
            study=world.study, method="big_stick", parameters={"tolerance": 3}, slots_per_stratum=20,
            generator="chacha20", by=world.unblinded_statistician,
        )  # fmt: skip
        numbers = {
            made.pk: set(ListSlot.objects.filter(stratum__list=made).values_list("number", flat=True))
            for made in (first, second)
        }
    assert (len(numbers[first.pk]), len(numbers[second.pk])) == (64, 160)
    assert not numbers[first.pk] & numbers[second.pk]
    assert first.commitment_root != second.commitment_root
    assert bytes(first.sealed_seed) != bytes(second.sealed_seed)
