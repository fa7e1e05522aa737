"""Replacing who withdrew: by the next row or with the same sequence, and nothing at the site tells which."""

import re
import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from participants.models import Participant
from participants.services.withdrawal import fail_screening, withdraw
from sessions.allocation import replacement, vault_worker
from sessions.allocation.minimization_models import Replacement
from sessions.allocation.models import Allocation, ListSlot, RandomizationList
from sessions.allocation.selectors import lists_for
from sessions.allocation.services import open_slot
from sessions.services import drawing
from sessions.services.randomization import RandomizationUnavailable, randomize
from studyportal import clock
from studyportal.audit.models import Event
from studyportal.errors import InvalidInput, InvalidState, NotPermitted
from tests.conftest import database_role, standing_at
from tests.factories import journey
from tests.factories.minimized import activate_minimization
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db

COUNTERS = """
SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_all_tables
WHERE schemaname IN ('alloc', 'audit') ORDER BY 1
"""
URL = "/lists/replacements/"


def left(world: World, participant: Participant) -> Participant:
    withdraw(
        participant=participant, reason="participant", note="", withdrawn_on=clock.now().date(), by=world.coordinator
    )
    return participant


@pytest.fixture
def leaver(world: World) -> Participant:
    """Return a participant who was randomized from a list and withdrew."""
    journey.activate_list(world)
    return left(world, journey.randomized(world))


def arranged(world: World, leaver: Participant, newcomer: Participant, **changed: object) -> Replacement:
    given = {
        "study": world.study, "replaced": leaver.pk, "participant": newcomer.pk, "is_mirrored": True,
        "reason": "Dropped out in period 1", "password": PASSWORD, "by": world.unblinded_statistician,
    }  # fmt: skip
    with standing_at("vault"), transaction.atomic():
        return replacement.arrange(**given | changed)


def taken(world: World, newcomer: Participant) -> Participant:
    return randomize(participant=newcomer, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)


def sequence_of(participant: Participant) -> str:
    with standing_at("vault"):
        return open_slot(Allocation.objects.select_related("slot__stratum").get(participant=participant).slot).sequence


def counters() -> dict[str, tuple[int, ...]]:
    """Return what this transaction has counted: to a login of the database these counters are no secret."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS)
        return {name: tuple(counts) for name, *counts in cursor.fetchall()}


def moved(before: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(b - a for a, b in zip(before.get(name, (0, 0, 0)), now, strict=True))
        for name, now in counters().items()
    }


def test_a_mirrored_newcomer_gets_the_same_sequence_and_a_number_of_its_own(world: World) -> None:
    journey.activate_list(world)
    pairs = []
    for _ in range(4):
        leaver = left(world, journey.randomized(world))
        newcomer = journey.eligible(world)
        arranged(world, leaver, newcomer)
        pairs.append((leaver, taken(world, newcomer)))
    for leaver, newcomer in pairs:
        assert sequence_of(newcomer) == sequence_of(leaver)
        assert re.fullmatch(r"R-[1-9]\d{3}", newcomer.randomization_number)
    assert {sequence_of(leaver) for leaver, _ in pairs} == {"AB", "BA"}
    assert len({one.randomization_number for pair in pairs for one in pair}) == 8
    # The list goes on where it stood: its places are used without a gap.
    with standing_at("vault"):
        mirrored = [(one.replaced_id, one.participant_id) for one in replacement.mirrored_in(world.study)]
        assert mirrored == [(leaver.pk, newcomer.pk) for leaver, newcomer in pairs]
        used = Allocation.objects.filter(slot__stratum__list__state="active").values_list("slot__ordinal", flat=True)
        assert sorted(used) == [1, 2, 3, 4]
        assert set(Allocation.objects.values_list("stratum_key", flat=True)) == {"01|F"}


def test_by_the_next_row_the_newcomer_is_randomized_like_anybody(world: World, leaver: Participant) -> None:
    newcomer = journey.eligible(world)
    made = arranged(world, leaver, newcomer, is_mirrored=False)
    done = taken(world, newcomer)
    with standing_at("vault"):
        slot = Allocation.objects.get(participant=newcomer).slot
        assert (slot.ordinal, slot.stratum.list.state, slot.number) == (2, "active", done.randomization_number)
        assert made.slot_id != slot.pk


def test_neither_way_counts_differently(world: World, leaver: Participant) -> None:
    other = left(world, journey.randomized(world))
    first = journey.eligible(world)
    arranged(world, left(world, journey.randomized(world)), first)  # the first one makes the holder of the slots
    newcomers, seen = {}, {}
    for is_mirrored, one in ((True, leaver), (False, other)):
        newcomers[is_mirrored] = journey.eligible(world)
        before = counters()
        arranged(world, one, newcomers[is_mirrored], is_mirrored=is_mirrored)
        seen[is_mirrored] = moved(before)
    assert seen[True] == seen[False]
    assert seen[True]["replacement"] == (1, 0, 0)
    for is_mirrored, newcomer in newcomers.items():
        before = counters()
        taken(world, newcomer)
        seen[is_mirrored] = moved(before)
    assert seen[True] == seen[False]
    assert seen[True]["allocation"] == (2, 0, 0)  # once tried and taken back, once for good


def test_neither_way_counts_differently_where_the_vault_draws(world: World) -> None:
    activate_minimization(world)
    seen = {}
    for is_mirrored in (True, False):
        leaver, newcomer = journey.eligible(world), journey.eligible(world)
        for participant in (leaver, newcomer):
            taken(world, participant)
            if participant is newcomer:
                before = counters()
            with standing_at("vault"):
                assert vault_worker.look(vault_worker.Pauses()) == 1
            if participant is leaver:
                arranged(world, left(world, drawing.complete(leaver.pk)), newcomer, is_mirrored=is_mirrored)
        seen[is_mirrored] = moved(before)
    assert seen[True] == seen[False]
    assert (seen[True]["list_slot"], seen[True]["allocation"]) == ((1, 0, 0), (1, 0, 0))


def test_the_site_sees_the_same_bytes_by_either_way(world: World, leaver: Participant, client_for) -> None:
    other = left(world, journey.randomized(world))
    client, seen = client_for(world.coordinator), {}
    for is_mirrored, one in ((True, leaver), (False, other)):
        newcomer = journey.eligible(world)
        arranged(world, one, newcomer, is_mirrored=is_mirrored)
        pages = [client.get(f"/participants/{newcomer.number}/randomize/?step={step}") for step in "123"]
        given = {"request_id": str(uuid.uuid4()), "password": PASSWORD, "stratum": "01|F"}
        pages.append(client.post(f"/participants/{newcomer.number}/randomize/", given))
        pages.append(client.get(f"/participants/{newcomer.number}/randomization/"))
        newcomer.refresh_from_db()
        seen[is_mirrored] = [told(page, newcomer) for page in pages]
    assert seen[True] == seen[False]
    assert [status for status, _ in seen[True]] == [200, 200, 200, 302, 200]


def told(page: object, newcomer: Participant) -> tuple[int, str]:
    """Return a page without what names this participant, this moment and this form."""
    text = page.content.decode() + page.headers.get("Location", "")
    for value in (newcomer.number, newcomer.randomization_number or "none yet"):
        text = text.replace(value, "X")
    return page.status_code, re.sub(r"value=\"[\w-]{36,}\"|\d{1,2} \w{3} \d{4}, \d\d:\d\d|\d\d:\d\d", "", text)


def test_whether_a_number_can_be_had_does_not_depend_on_the_way(world: World) -> None:
    journey.activate_list(world, slots_per_stratum=2)
    leavers = [left(world, journey.randomized(world)) for _ in range(2)]
    for leaver, is_mirrored in zip(leavers, (True, False), strict=True):
        newcomer = journey.eligible(world)
        arranged(world, leaver, newcomer, is_mirrored=is_mirrored)
        with pytest.raises(RandomizationUnavailable):
            taken(world, newcomer)


def test_a_repeated_request_gives_the_same_number(world: World, leaver: Participant) -> None:
    newcomer = journey.eligible(world)
    made = arranged(world, leaver, newcomer)
    call = "SELECT alloc.allocate(%s, %s, '01|F', %s)"
    numbers = set()
    with connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute(call, [newcomer.pk, world.study.pk, uuid.uuid4()])
            numbers.add(cursor.fetchone())
    with standing_at("vault"):
        assert numbers == {(ListSlot.objects.get(pk=made.slot_id).number,)}
        assert Allocation.objects.filter(participant=newcomer).count() == 1


def test_what_does_not_go_together_is_refused_and_changes_nothing(world: World, leaver: Participant) -> None:
    newcomer, stays = journey.eligible(world), journey.randomized(world)
    elsewhere, another = journey.eligible(world, site=world.other_site), journey.eligible(world, sex="M")
    gone = journey.eligible(world)
    fail_screening(participant=gone, reason="declined", note="", failed_on=clock.now().date(), by=world.coordinator)
    unmet = left(world, journey.eligible(world))
    nobody, number = Participant(pk=uuid.uuid4()), leaver.number
    for one, who, field, said in (
        (stays, newcomer, "replaced", f"{stays.number} has not withdrawn."),
        (unmet, newcomer, "replaced", "Choose a participant who was randomized and withdrew."),
        (nobody, newcomer, "replaced", "Choose a participant who was randomized and withdrew."),
        (leaver, nobody, "participant", "Choose a participant in screening."),
        (leaver, stays, "participant", f"{stays.number} is randomized already."),
        (leaver, gone, "participant", f"{gone.number} is no longer in screening."),
        (leaver, elsewhere, "participant", f"{elsewhere.number} belongs to another site or stratum than {number}."),
        (leaver, another, "participant", f"{another.number} belongs to another site or stratum than {number}."),
    ):
        with pytest.raises(InvalidInput) as refused:
            arranged(world, one, who)
        assert refused.value.fields[field] == said
    with pytest.raises(InvalidInput) as refused:
        arranged(world, leaver, newcomer, reason=" ")
    assert refused.value.fields == {"reason": "Say why the participant is replaced."}
    with pytest.raises(InvalidInput, match="The password does not match"):
        arranged(world, leaver, newcomer, password="wrong")
    with pytest.raises(NotPermitted):
        arranged(world, leaver, newcomer, by=world.pharmacist)
    with standing_at("vault"):
        assert (Replacement.objects.count(), ListSlot.objects.filter(stratum__key="replacement").count()) == (0, 0)
        assert not Event.objects.filter(name="replacement arranged").exists()


def test_nobody_is_replaced_twice_unless_the_first_never_came(world: World, leaver: Participant) -> None:
    first, second, third = (journey.eligible(world) for _ in range(3))
    arranged(world, leaver, first, is_mirrored=False)
    with pytest.raises(InvalidInput) as refused:
        arranged(world, leaver, second)
    assert refused.value.fields == {"replaced": f"{leaver.number} is replaced by {first.number} already."}
    other = left(world, journey.randomized(world))
    with pytest.raises(InvalidInput) as refused:
        arranged(world, other, first)
    assert refused.value.fields == {"participant": f"{first.number} replaces somebody already."}
    fail_screening(participant=first, reason="declined", note="", failed_on=clock.now().date(), by=world.coordinator)
    arranged(world, leaver, second)
    taken(world, second)
    with pytest.raises(InvalidInput):
        arranged(world, leaver, third)


def test_a_replacement_is_announced_first_and_never_changed(world: World, leaver: Participant, settings) -> None:
    newcomer = journey.eligible(world)
    settings.PORTAL_VAULT_KEY_FILE = settings.PORTAL_DATA / "absent"
    with pytest.raises(Exception, match="Not found"):
        arranged(world, leaver, newcomer)
    with standing_at("vault"):
        event = Event.objects.get(name="replacement arranged")
        assert (event.target, event.data["replaces"], event.data["way"]) == (
            newcomer.number, leaver.number, "mirrored",
        )  # fmt: skip
        assert Replacement.objects.count() == 0
    made = arranged(world, leaver, newcomer, is_mirrored=False)
    assert str(made) == f"replacement of {leaver.pk}"
    for statement in ("UPDATE alloc.replacement SET is_mirrored = true", "DELETE FROM alloc.replacement"):
        with database_role("portal_owner"), pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)


def test_an_uploaded_lists_own_numbers_leave_the_next_row_only(world: World, leaver: Participant) -> None:
    newcomer = journey.eligible(world)
    with database_role("portal_admin"), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE alloc.list_slot SET number = 'A' || ordinal")
        cursor.execute("SET session_replication_role = origin")
    with pytest.raises(InvalidState, match="Use the next row of the list"):
        arranged(world, leaver, newcomer)
    arranged(world, leaver, newcomer, is_mirrored=False)
    assert taken(world, newcomer).randomization_number == "A2"


def test_in_a_minimizing_study_the_newcomer_is_mirrored_outside_the_course(world: World) -> None:
    made = activate_minimization(world)

    def drawn(participant: Participant) -> Participant:
        taken(world, participant)
        with standing_at("vault"):
            assert vault_worker.look(vault_worker.Pauses()) == 1
        return drawing.complete(participant.pk)

    for is_mirrored in (True, False, True):
        leaver = left(world, drawn(journey.eligible(world)))
        newcomer = journey.eligible(world)
        arranged(world, leaver, newcomer, is_mirrored=is_mirrored)
        done = drawn(newcomer)
        assert done.randomization_number
        if is_mirrored:
            assert sequence_of(done) == sequence_of(leaver)
    with standing_at("vault"):
        assert Allocation.objects.filter(slot__stratum__list=made).count() == 4
        assert Allocation.objects.exclude(slot__stratum__list=made).count() == 2


def test_the_slots_outside_stand_in_no_list_of_the_vault(world: World, leaver: Participant) -> None:
    arranged(world, leaver, journey.eligible(world))
    with standing_at("vault"):
        assert RandomizationList.objects.count() == 2
        assert [one.state for one in lists_for(world.unblinded_statistician, world.study)] == ["active"]


def test_the_page_arranges_and_lists(world: World, leaver: Participant, client_for) -> None:
    client = client_for(world.unblinded_statistician, "vault")
    assert "At present there is none of one kind" in client.get(URL).content.decode()
    newcomer = journey.eligible(world)
    page = client.get(URL).content.decode()
    assert f"{leaver.number}, 01 North, female" in page
    assert "Nobody has been replaced." in page
    given = {
        "replaced": str(leaver.pk), "participant": str(newcomer.pk), "way": "mirrored", "reason": "Moved away",
        "password": PASSWORD,
    }  # fmt: skip
    refused = client.post(URL, given | {"password": "wrong", "participant": ""})
    assert refused.status_code == 422
    assert "Moved away" in refused.content.decode()
    assert "Who replaces: Choose a participant." in refused.content.decode()
    answer = client.post(URL, given, follow=True)
    text = answer.content.decode()
    assert "The replacement is arranged." in text
    assert "Mirrored<br>" in text
    log = client.get("/log/").content.decode()
    assert all(word in log for word in ("Replacement arranged", newcomer.number, "Moved away"))
    assert "At present there is none of one kind" in text
    assert client_for(world.pharmacist, "vault").get(URL).status_code == 403


def test_the_page_says_what_waits_and_why(world: World, client_for) -> None:
    activate_minimization(world, factors={"site": ["01", "03"]})
    taken(world, journey.eligible(world))
    stuck = journey.eligible(world, site=world.other_site)
    taken(world, stuck)
    text = client_for(world.unblinded_statistician, "vault").get(URL).content.decode()
    assert "The vault's worker does not run." in text.replace("&#x27;", "'")
    assert "it is answered at the worker" in text
    assert "The active minimization does not fit the request" in text
