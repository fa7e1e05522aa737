"""Lists at the vault: made by one, approved by another, examined by both; nobody else, and no slot's sequence."""

import re
import uuid

import pytest
from django.db import connection

from sessions.allocation.models import ListSlot, RandomizationList
from sessions.models import Sequence, SequencePeriod
from studyportal.accounts.models import Signature, StudyMembership
from studyportal.accounts.roles import Role
from studyportal.audit.models import Event
from tests.conftest import database_role, standing_at
from tests.factories import journey
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db

BIG_STICK = {"method": "big_stick", "tolerance": "3", "block_sizes": "2, 4", "slots_per_stratum": "12"}
BLOCKS = {"method": "permuted_blocks", "tolerance": "3", "block_sizes": "2, 4", "slots_per_stratum": "12"}


def lists() -> list[RandomizationList]:
    with standing_at("vault"):
        return list(RandomizationList.objects.order_by("generated_at"))


def examined() -> int:
    with standing_at("vault"):
        return Event.objects.filter(name="list examined").count()


@pytest.fixture
def maker(world: World, client_for):
    return client_for(world.unblinded_statistician, "vault")


@pytest.fixture
def approver(world: World, client_for):
    return client_for(world.pharmacist, "vault")


@pytest.fixture
def made(maker) -> RandomizationList:
    assert maker.post("/lists/new/", BLOCKS).status_code == 302
    (one,) = lists()
    return one


@pytest.mark.parametrize(("typed", "parameters"), [(BIG_STICK, {"tolerance": 3}), (BLOCKS, {"block_sizes": [2, 4]})])
def test_a_list_is_made_sealed_and_committed(maker, world: World, typed, parameters) -> None:
    answer = maker.post("/lists/new/", typed, follow=True)
    assert answer.status_code == 200
    (one,) = lists()
    assert (one.state, one.method, one.parameters) == ("generated", typed["method"], parameters)
    assert one.generated_by == world.unblinded_statistician
    assert re.fullmatch(r"[0-9a-f]{64}", one.commitment_root)
    text = answer.content.decode()
    assert "The list is made and sealed" in text
    assert one.commitment_root in text
    assert "96 slots in 8 strata" in text  # each with one beside it for emergency sheets
    assert text.count("Passed:") == 4
    with standing_at("vault"):
        blobs = [bytes(slot.sealed) for slot in ListSlot.objects.all()]
    assert len({len(blob) for blob in blobs}) == 1
    assert len(set(blobs)) == 96


def test_the_empty_form_compares_methods_and_names_the_strata(maker) -> None:
    text = maker.get("/lists/new/").content.decode()
    for key in ("01|F", "01|M", "02|F", "02|M"):
        assert f'<li class="mono">{key}</li>' in text
    assert "over its 20 slots" in text
    assert text.index("Big stick, imbalance at most 3") < text.index("Blocks of 4<")
    assert "57.2 %" in text
    assert "70.8 %" in text


def test_typed_values_are_compared_without_making_a_list(maker) -> None:
    text = maker.get("/lists/new/", BLOCKS | {"block_sizes": "2", "slots_per_stratum": "8"}).content.decode()
    assert "over its 8 slots" in text
    assert "(as typed)" in text
    assert text.count("75.0 %") == 2
    assert 'value="8"' in text
    assert lists() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"block_sizes": "3"}, "A block of 3 cannot hold 2 sequences equally often. Use multiples of 2."),
        ({"block_sizes": "0, 2"}, "A block of 0 cannot hold 2 sequences"),
        ({"block_sizes": "two"}, "Enter whole numbers with commas between them, such as 2, 4."),
        ({"block_sizes": "2.5"}, "Enter whole numbers with commas"),
        ({"block_sizes": ""}, "Enter at least one block size."),
        ({"block_sizes": "2, 14"}, "A block of 14 does not fit into 12 slots."),
        ({"slots_per_stratum": "0"}, "Enter 1 or more."),
        ({"slots_per_stratum": "501"}, "Enter 500 or less."),
        ({"slots_per_stratum": "many"}, "Enter a whole number, such as 20."),
        ({"slots_per_stratum": ""}, "Enter how many slots."),
        ({"method": "minimisation"}, "Choose one of the methods."),
        ({"method": ""}, "Choose a method."),
        ({"method": "big_stick", "tolerance": ""}, "Enter the largest imbalance, such as 3."),
        ({"method": "big_stick", "tolerance": "0"}, "Enter 1 or more."),
        ({"method": "big_stick", "tolerance": "nan"}, "Enter a whole number, such as 3."),
    ],
)
def test_an_impossible_list_is_refused_beside_its_field_and_keeps_what_was_typed(maker, change, words) -> None:
    answer = maker.post("/lists/new/", BLOCKS | change)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert words in text.replace("&#x27;", "'")
    for name, value in (BLOCKS | change).items():
        if name != "method" and value:
            assert f'value="{value}"' in text
    assert lists() == []


def test_a_study_without_sequences_gets_a_sentence(maker, world: World) -> None:
    with database_role("portal_owner"):
        SequencePeriod.objects.filter(sequence__study=world.study).delete()
        Sequence.objects.filter(study=world.study).delete()
    answer = maker.post("/lists/new/", BIG_STICK)
    assert answer.status_code == 422
    assert "This list cannot be made: a list needs two sequences or more" in answer.content.decode()
    assert "Guessed right" not in answer.content.decode()
    assert lists() == []


def test_a_second_person_approves_with_password(made, approver, world: World) -> None:
    answer = approver.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD}, follow=True)
    assert answer.status_code == 200
    assert "The list is approved and active." in answer.content.decode()
    (one,) = lists()
    assert (one.state, one.approved_by) == ("active", world.pharmacist)
    signature = Signature.objects.get(record_id=made.pk)
    assert (signature.signer, signature.meaning) == (world.pharmacist, "Approved the randomization list")
    assert made.commitment_root not in signature.content


def test_the_maker_cannot_approve(made, maker) -> None:
    assert "A second person with a role at this door approves it." in maker.get(f"/lists/{made.pk}/").content.decode()
    answer = maker.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD})
    assert answer.status_code == 422
    assert "A second person must approve the list; you made it." in answer.content.decode()
    assert lists()[0].state == "generated"
    assert not Signature.objects.filter(record_id=made.pk).exists()


@pytest.mark.parametrize(
    ("typed", "words"), [({"password": "wrong"}, "Enter your own password again."), ({}, "Enter your own password.")]
)
def test_approval_needs_ones_own_password(made, approver, typed, words) -> None:
    answer = approver.post(f"/lists/{made.pk}/approve/", typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert lists()[0].state == "generated"


def test_a_list_is_approved_once_and_only_one_is_active(made, approver, maker) -> None:
    approver.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD})
    again = approver.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD})
    assert again.status_code == 422
    assert "This list is not waiting for approval." in again.content.decode()
    maker.post("/lists/new/", BIG_STICK)
    second = lists()[1]
    refused = approver.post(f"/lists/{second.pk}/approve/", {"password": PASSWORD})
    assert refused.status_code == 422
    assert "Another list is active. Close it before you approve this one." in refused.content.decode()
    assert [one.state for one in lists()] == ["active", "generated"]


def test_a_failed_check_forbids_approval(made, approver) -> None:
    # A commitment that does not belong to the list, as after tampering by the tables' owner.
    with database_role("portal_owner"), connection.cursor() as cursor:
        cursor.execute("UPDATE alloc.randomization_list SET commitment_root = repeat('0', 64)")
    page = approver.get(f"/lists/{made.pk}/").content.decode()
    assert "Its seed does not give this list again: it was altered" in page
    assert "The list fails a check and cannot be approved." in page
    answer = approver.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD})
    assert answer.status_code == 422
    assert "This list fails a check and cannot be approved." in answer.content.decode()
    assert lists()[0].state == "generated"


def test_closing_needs_reason_and_password_and_is_final(made, approver, maker) -> None:
    approver.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD})
    for typed, words in (
        ({"password": PASSWORD, "reason": ""}, "Say why no more is to be allocated"),
        ({"password": "wrong", "reason": "Factor changed"}, "Enter your own password again."),
    ):
        answer = maker.post(f"/lists/{made.pk}/close/", typed)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert lists()[0].state == "active"
    answer = maker.post(f"/lists/{made.pk}/close/", {"password": PASSWORD, "reason": "Factor changed"}, follow=True)
    assert "The list is closed." in answer.content.decode()
    assert lists()[0].state == "closed"
    again = maker.post(f"/lists/{made.pk}/close/", {"password": PASSWORD, "reason": "Factor changed"})
    assert again.status_code == 422
    assert "This list is closed already." in again.content.decode()


def test_the_pharmacist_sees_no_settings_counts_or_fill(made, approver, maker) -> None:
    own, others = (client.get(f"/lists/{made.pk}/").content.decode() for client in (maker, approver))
    for secret in ("Blocks of 2 or 4 at random", "Guessed right", "Most ahead", ">Left<"):
        assert secret in own
        assert secret not in others
    assert "Permuted blocks" in others
    assert others.count("Passed:") == 4


def test_no_page_shows_a_slot(made, approver, maker) -> None:
    with standing_at("vault"):
        numbers = list(ListSlot.objects.values_list("number", flat=True))
    for client in (approver, maker):
        for path in ("/lists/", f"/lists/{made.pk}/", "/"):
            text = client.get(path).content.decode()
            assert not any(number in text for number in numbers)


def test_every_examination_is_in_the_trail(made, approver) -> None:
    before = examined()
    approver.get(f"/lists/{made.pk}/")
    assert examined() == before + 1


def test_all_lists_newest_first(made, maker, approver) -> None:
    maker.post("/lists/new/", BIG_STICK)
    first, second = lists()
    text = approver.get("/lists/").content.decode()
    assert text.index(second.commitment_root[:8]) < text.index(first.commitment_root[:8])
    assert "Waiting for approval" in text
    assert "Make a list" not in text
    assert "Make a list" in maker.get("/lists/").content.decode()


def test_a_study_without_lists_says_so(approver) -> None:
    assert "There is no list yet." in approver.get("/lists/").content.decode()


def test_the_pharmacist_makes_no_list(approver) -> None:
    assert approver.get("/lists/new/").status_code == 403
    assert approver.post("/lists/new/", BLOCKS).status_code == 403
    assert lists() == []


@pytest.mark.parametrize("person", ["coordinator", "statistician", "rater", "administrator", "monitor"])
def test_blinded_people_reach_no_list_page(made, world: World, client_for, person: str) -> None:
    client = client_for(world.people[person], "vault")
    typed = {"password": PASSWORD, "reason": "Because"}
    for path in ("/lists/", "/lists/new/", f"/lists/{made.pk}/"):
        assert client.get(path).status_code in {302, 403, 404}
    for path in (f"/lists/{made.pk}/approve/", f"/lists/{made.pk}/close/", "/lists/new/"):
        assert client.post(path, typed | BLOCKS).status_code in {302, 403, 404}
    assert [one.state for one in lists()] == ["generated"]


def test_the_blinded_door_has_no_list_pages(made, world: World, client_for) -> None:
    client = client_for(world.unblinded_statistician)
    for path in ("/lists/", f"/lists/{made.pk}/", "/lists/new/"):
        assert client.get(path).status_code == 404


def test_another_studys_list_does_not_exist(made, world: World, client_for) -> None:
    stranger = make_member("stranger", Role.UNBLINDED_STATISTICIAN, world.other_study)
    client = client_for(stranger, "vault")
    assert client.get(f"/lists/{made.pk}/").status_code == 404
    assert client.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD}).status_code == 404
    assert client.get(f"/lists/{uuid.uuid4()}/").status_code == 404
    assert lists()[0].state == "generated"


def test_the_services_refuse_other_studies_and_missing_lists_themselves(made, world: World) -> None:
    from sessions.allocation.services import approve_list, close_list
    from studyportal.errors import NotFound, NotPermitted

    stranger = make_member("stranger", Role.UNBLINDED_STATISTICIAN, world.other_study)
    with standing_at("vault"):
        for act in (
            lambda key, by: approve_list(list_id=key, by=by),
            lambda key, by: close_list(list_id=key, reason="Because", password=PASSWORD, by=by),
        ):
            with pytest.raises(NotFound):
                act(uuid.uuid4(), world.pharmacist)
            with pytest.raises(NotPermitted):
                act(made.pk, stranger)
    assert lists()[0].state == "generated"


def test_one_person_cannot_do_both_even_with_two_roles(made, world: World, client_for) -> None:
    with standing_at("vault"):
        StudyMembership.objects.create(user=world.unblinded_statistician, study=world.study, role=Role.PHARMACIST)
    client = client_for(world.unblinded_statistician, "vault")
    assert client.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD}).status_code == 422
    assert lists()[0].state == "generated"


def test_a_study_without_factors_has_one_stratum(maker, world: World) -> None:
    world.study.strata_factors = []
    world.study.save()
    assert "there is one stratum for all" in maker.get("/lists/new/").content.decode()
    maker.post("/lists/new/", BIG_STICK)
    with standing_at("vault"):
        assert set(ListSlot.objects.values_list("stratum__key", flat=True)) == {"all", "paper|all"}


def test_participants_are_randomized_from_the_approved_list(made, approver, world: World) -> None:
    approver.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD})
    participant = journey.randomized(world)
    assert participant.randomization_number
