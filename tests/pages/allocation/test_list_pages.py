"""Lists at the vault: made by one, approved by another, examined by both; nobody else, and no slot's sequence."""

import re
import uuid

import pytest

from sessions.allocation.generation import terms_of
from sessions.allocation.models import ListSlot, RandomizationList
from sessions.allocation.sealing import unseal
from sessions.models import Sequence, SequencePeriod
from sessions.randomization import root_to_publish
from studyportal.accounts.roles import Role
from studyportal.audit.models import Event
from tests.conftest import database_role, standing_at
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db

SETTINGS = {"tolerance": "3", "block_sizes": "2, 4", "slots_per_stratum": "12"}
BIG_STICK, BLOCKS = SETTINGS | {"method": "big_stick"}, SETTINGS | {"method": "permuted_blocks"}
MINIMIZATION = {
    "method": "minimization", "factors": ["site", "sex"], "weight_site": "1", "weight_sex": "2", "measure": "range",
    "probability": "0.8",
}  # fmt: skip


def lists() -> list[RandomizationList]:
    with standing_at("vault"):
        return list(RandomizationList.objects.order_by("position"))


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
    assert maker.post(f"/lists/{one.pk}/generate/").status_code == 302
    (one,) = lists()
    return one


@pytest.mark.parametrize(
    ("typed", "parameters", "slots"),
    [
        (BIG_STICK, {"tolerance": 3}, 12),
        (BLOCKS, {"block_sizes": [2, 4]}, 12),
        (BLOCKS | {"block_sizes": "3, 6", "ratio": "2:1"}, {"block_sizes": [3, 6], "ratio": [2, 1]}, 12),
        (BLOCKS | {"ratio": "1:1"}, {"block_sizes": [2, 4]}, 12),
        (SETTINGS | {"method": "simple", "ratio": "1 : 3"}, {"ratio": [1, 3]}, 12),
        (SETTINGS | {"method": "simple"}, {}, 12),
        (
            MINIMIZATION,
            {
                "factors": {"site": ["01", "02"], "sex": ["F", "M"]}, "weights": {"site": 1, "sex": 2},
                "measure": "range", "probability": "0.8",
            },
            0,
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("generator", ["hmac-drbg-sha256", "chacha20"])
def test_a_draft_keeps_the_settings_and_draws_nothing(maker, world: World, typed, parameters, slots, generator) -> None:
    answer = maker.post("/lists/new/", typed | {"generator": generator}, follow=True)
    assert answer.status_code == 200
    (one,) = lists()
    assert (one.state, one.method, one.parameters) == ("draft", typed["method"], parameters)
    assert (one.slots_per_stratum, one.generator, one.name) == (slots, generator, "List 1")
    assert (one.drafted_by, one.generated_by) == (world.unblinded_statistician, None)
    assert (one.sealed_seed, one.commitment_root) == (None, "")
    assert "The settings are kept as a draft. Nothing is drawn yet." in answer.content.decode()
    with standing_at("vault"):
        assert not ListSlot.objects.exists()


@pytest.mark.parametrize("typed", [BIG_STICK, BLOCKS, SETTINGS | {"method": "simple", "generator": "chacha20"}])
def test_a_list_is_made_sealed_and_committed(maker, world: World, typed) -> None:
    maker.post("/lists/new/", typed)
    answer = maker.post(f"/lists/{lists()[0].pk}/generate/", follow=True)
    (one,) = lists()
    assert (one.state, one.sequences, one.commits_to) == ("generated", ["AB", "BA"], "bound")
    assert one.generated_by == world.unblinded_statistician
    assert re.fullmatch(r"[0-9a-f]{64}", one.commitment_root)
    text = answer.content.decode()
    assert "The list is made and sealed" in text
    assert one.commitment_root in text
    assert "96 slots in 8 strata" in text  # each with one beside it for emergency sheets
    assert text.count("Passed: ") == 12  # eight, and the order of each stratum for emergency sheets
    assert "One simulated run" in text
    with standing_at("vault"):
        blobs = [bytes(slot.sealed) for slot in ListSlot.objects.all()]
    assert len({len(blob) for blob in blobs}) == 1
    assert len(set(blobs)) == 96


def test_minimization_commits_to_its_seed_and_has_no_slot(maker) -> None:
    maker.post("/lists/new/", MINIMIZATION)
    text = maker.post(f"/lists/{lists()[0].pk}/generate/", follow=True).content.decode()
    (one,) = lists()
    assert (one.state, one.commits_to, one.sequences) == ("generated", "bound", ["AB", "BA"])
    with standing_at("vault"):
        assert not ListSlot.objects.exists()
        seed = unseal(bytes(one.sealed_seed), f"{one.pk}|seed")
        assert root_to_publish(terms_of(one), seed, ()).hex() == one.commitment_root
    assert "No list in advance: one draw for each participant" in text
    assert "Factors: sex (F, M) with weight 2; site (01, 02) with weight 1. Biased coin 0.8, by range." in text
    assert text.count("Passed: ") == 2


def test_a_draft_is_changed_until_it_is_generated(maker) -> None:
    maker.post("/lists/new/", BLOCKS)
    (one,) = lists()
    shown = maker.get(f"/lists/{one.pk}/settings/").content.decode()
    assert 'value="2, 4"' in shown
    assert 'value="12"' in shown
    assert "uploaded_list" not in shown
    refused = maker.post(f"/lists/{one.pk}/settings/", BLOCKS | {"method": "uploaded_list"})
    assert (refused.status_code, lists()[0].method) == (422, "permuted_blocks")
    assert maker.post(f"/lists/{one.pk}/settings/", BIG_STICK | {"tolerance": "2"}).status_code == 302
    (one,) = lists()
    assert (one.method, one.parameters, one.state) == ("big_stick", {"tolerance": 2}, "draft")
    maker.post(f"/lists/{one.pk}/generate/")
    refused = maker.post(f"/lists/{one.pk}/settings/", BLOCKS)
    assert refused.status_code == 422
    assert "This list is no draft any more." in refused.content.decode()
    assert lists()[0].parameters == {"tolerance": 2}


def test_the_empty_form_compares_methods_and_names_the_strata(maker) -> None:
    text = maker.get("/lists/new/").content.decode()
    for key in ("01|F", "01|M", "02|F", "02|M"):
        assert f'<span class="mono">{key}</span> <span class="quiet">expects 6.5</span>' in text
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
        ({"ratio": "2:0"}, "Enter whole numbers from 1 to 20 with colons between them, such as 2:1."),
        ({"ratio": "2:1:1"}, "The study has 2 sequences: enter 2 numbers."),
        ({"ratio": "2:1"}, "A block of 2 cannot hold the sequences 2:1. Use multiples of 3."),
        ({"method": "uploaded_list"}, "Choose the file with your list."),
        (MINIMIZATION | {"probability": "1"}, "Enter a number from 0.7 to 0.9, such as 0.8."),
        (MINIMIZATION | {"probability": "0.65"}, "Enter a number from 0.7 to 0.9, such as 0.8."),
        (MINIMIZATION | {"probability": "likely"}, "Enter a number from 0.7 to 0.9, such as 0.8."),
        (MINIMIZATION | {"factors": []}, "Choose at least one factor."),
        (MINIMIZATION | {"factors": ["hair"]}, "Choose factors of this study."),
        (MINIMIZATION | {"weight_sex": ""}, "Enter a whole number, such as 1."),
        (MINIMIZATION | {"weight_sex": "0"}, "Enter 1 or more."),
        (MINIMIZATION | {"measure": "area"}, "Choose one of the measures."),
        ({"generator": "random"}, "Choose one of the generators."),
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
        if name in {"tolerance", "block_sizes", "slots_per_stratum", "ratio", "weight_sex"} and value:
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


def test_the_pharmacist_sees_no_settings_counts_or_fill(made, approver, maker) -> None:
    own, others = (client.get(f"/lists/{made.pk}/").content.decode() for client in (maker, approver))
    for secret in ("Blocks of 2 or 4 at random", "Guessed right", "Most ahead", ">Left<", "whole blocks", "arrivals"):
        assert secret in own
        assert secret not in others
    assert "Permuted blocks" in others
    assert others.count("Passed: ") == 12


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


def test_all_lists_latest_first(made, maker, approver) -> None:
    maker.post("/lists/new/", BIG_STICK)
    text = approver.get("/lists/").content.decode()
    assert text.index("List 2") < text.index("List 1")
    assert "Waiting for acceptance" in text
    assert ">Draft<" in text
    assert "Make a list" not in text
    assert "Make a list" in maker.get("/lists/").content.decode()


def test_a_study_without_lists_says_so(approver) -> None:
    assert "There is no list yet." in approver.get("/lists/").content.decode()


PATHS = ("", "new/", "design/", "compare/", "compare/state/", "compare/figure.json")
OF_A_LIST = ("", "settings/", "settings.json", "acceptance.pdf")
STEPS = ("generate/", "take-in/", "accept/", "approve/", "publish/", "activate/", "close/", "settings/")


@pytest.mark.parametrize("person", ["coordinator", "statistician", "rater", "administrator", "monitor"])
def test_blinded_people_reach_no_list_page(made, world: World, client_for, person: str) -> None:
    client = client_for(world.people[person], "vault")
    typed = {"password": PASSWORD, "reason": "Because", "write": "1", "treatments": "A = a", "kind": "williams"}
    for path in [f"/lists/{one}" for one in PATHS] + [f"/lists/{made.pk}/{one}" for one in OF_A_LIST]:
        assert client.get(path).status_code in {302, 403, 404}
    for path in ["/lists/new/", "/lists/design/", "/lists/compare/"] + [f"/lists/{made.pk}/{one}" for one in STEPS]:
        assert client.post(path, typed | BLOCKS).status_code in {302, 403, 404}
    assert [one.state for one in lists()] == ["generated"]


def test_the_pharmacist_makes_and_accepts_no_list(made, approver) -> None:
    for path in ("new/", "compare/", f"{made.pk}/settings/", f"{made.pk}/settings.json", f"{made.pk}/acceptance.pdf"):
        assert approver.get(f"/lists/{path}").status_code == 403
    for path in ("new/", f"{made.pk}/generate/", f"{made.pk}/take-in/", f"{made.pk}/accept/", f"{made.pk}/settings/"):
        assert approver.post(f"/lists/{path}", BLOCKS | {"password": PASSWORD}).status_code == 403
    assert approver.post("/lists/design/", {"treatments": "A = a", "kind": "williams"}).status_code == 403
    assert [one.state for one in lists()] == ["generated"]


def test_the_blinded_door_has_no_list_pages(made, world: World, client_for) -> None:
    client = client_for(world.unblinded_statistician)
    for path in [f"/lists/{one}" for one in PATHS] + [f"/lists/{made.pk}/{one}" for one in OF_A_LIST]:
        assert client.get(path).status_code == 404


def test_another_studys_list_does_not_exist(made, world: World, client_for) -> None:
    stranger = make_member("stranger", Role.UNBLINDED_STATISTICIAN, world.other_study)
    client = client_for(stranger, "vault")
    for one in OF_A_LIST:
        assert client.get(f"/lists/{made.pk}/{one}").status_code == 404
    for one in STEPS:
        assert client.post(f"/lists/{made.pk}/{one}", {"password": PASSWORD, "reason": "x"}).status_code == 404
    assert client.get(f"/lists/{uuid.uuid4()}/").status_code == 404
    assert lists()[0].state == "generated"


def test_a_study_without_factors_has_one_stratum(maker, world: World) -> None:
    world.study.strata_factors = []
    world.study.save()
    assert "there is one stratum for all" in maker.get("/lists/new/").content.decode()
    maker.post("/lists/new/", BIG_STICK)
    maker.post(f"/lists/{lists()[0].pk}/generate/")
    with standing_at("vault"):
        assert set(ListSlot.objects.values_list("stratum__key", flat=True)) == {"all", "paper|all"}


def test_strata_that_are_too_small_are_warned_of_while_typing(maker) -> None:
    text = maker.get("/lists/new/", BLOCKS | {"block_sizes": "4"}).content.decode()
    assert "Stratum 01|F expects 6 participants, fewer than twice the largest block (4)." in text
    assert "With 4 strata the imbalances may add up to 8 of 26 participants." not in text
    assert "Stratum 01|F expects 6 participants but has 4 slots. Make the list longer." in maker.get(
        "/lists/new/", BLOCKS | {"block_sizes": "4", "slots_per_stratum": "4"}
    ).content.decode()  # fmt: skip
