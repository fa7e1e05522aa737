"""A list's way through its states on its page: who does what, what is refused, and that nothing changed then."""

import io
import uuid

import pytest
from django.db import connection
from pypdf import PdfReader

from sessions.allocation.models import ListSlot, RandomizationList
from studyportal.accounts.models import Signature, StudyMembership
from studyportal.accounts.roles import Role
from studyportal.audit.models import Event
from tests.conftest import database_role, standing_at
from tests.factories import journey
from tests.factories import lists as listed
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db

CLOSING = {"password": PASSWORD, "reason": "Factor changed"}
BLOCKS = {"method": "permuted_blocks", "block_sizes": "2, 4", "slots_per_stratum": "12"}


def now() -> RandomizationList:
    with standing_at("vault"):
        return RandomizationList.objects.order_by("position").last()


def bring(world: World, state: str) -> RandomizationList:
    people = {"maker": world.unblinded_statistician}
    if state in {"approved", "published", "activated"}:
        people["second"] = world.pharmacist
    with standing_at("vault"):
        return getattr(listed, state)(world.study, **people)


def refused(client, path: str, words: str, typed: dict[str, str] | None = None) -> None:
    """Post and be refused with `words`; the list stays as it was."""
    before = now().__dict__ | {"_state": None}
    answer = client.post(path, typed if typed is not None else {"password": PASSWORD})
    assert answer.status_code == 422
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert now().__dict__ | {"_state": None} == before


@pytest.fixture
def maker(world: World, client_for):
    return client_for(world.unblinded_statistician, "vault")


@pytest.fixture
def approver(world: World, client_for):
    return client_for(world.pharmacist, "vault")


def test_two_people_bring_a_list_from_a_draft_to_the_first_participant(maker, approver, world: World) -> None:
    maker.post("/lists/new/", BLOCKS)
    page = f"/lists/{now().pk}/"
    assert "Due next: Generate the list" in maker.get(page).content.decode()
    assert "Who can do it: Unblinded Statistician." in approver.get(page).content.decode()
    said = [maker.post(page + "generate/", follow=True)]
    said.append(maker.post(page + "accept/", {"password": PASSWORD}, follow=True))
    assert "You made this list or signed its report." in said[-1].content.decode()
    assert "Who can do it: Pharmacist." in said[-1].content.decode()
    said.append(approver.post(page + "approve/", {"password": PASSWORD}, follow=True))
    said.append(maker.post(page + "publish/", {"password": PASSWORD}, follow=True))
    with standing_at("vault"):
        assert now().published_by == world.unblinded_statistician
    assert "randomization is not available" not in said[-1].content.decode()
    said.append(approver.post(page + "activate/", follow=True))
    for answer, words in zip(
        said,
        (
            "The list is made and sealed.", "The acceptance report is signed.", "The list is approved.",
            "The commitment is published.", "The list is open.",
        ),
        strict=True,
    ):  # fmt: skip
        assert words in answer.content.decode()
    text = said[-1].content.decode()
    assert text.count('<li class="done"') == 6
    assert "Participants are randomized from this list." in text
    assert journey.randomized(world).randomization_number
    with standing_at("vault"):
        names = list(Event.objects.filter(target="List 1").exclude(name="list examined").values_list("name", flat=True))
    assert names == [
        "list drafted", "list generated", "list accepted", "list approved", "list commitment published",
        "list opened for allocation",
    ]  # fmt: skip
    meanings = set(Signature.objects.filter(record_id=now().pk).values_list("signer__username", "meaning"))
    assert meanings == {
        ("unblinded-statistician", "Signed the acceptance report of the randomization list"),
        ("pharmacist", "Approved the randomization list"),
    }
    contents = set(Signature.objects.filter(record_id=now().pk).values_list("content", flat=True))
    assert contents == {f'{{"list":"{now().pk}"}}'}


@pytest.mark.parametrize(
    ("state", "step", "words"),
    [
        ("drafted", "accept", "This list is a draft: nothing is drawn that could be examined."),
        ("drafted", "approve", "This list is a draft: nothing is drawn that could be examined."),
        ("drafted", "publish", "The commitment is published once, after the approval."),
        ("drafted", "activate", "Only a list whose commitment is published can be opened."),
        ("generated", "generate", "This list is no draft any more."),
        ("generated", "approve", "This list is not waiting for approval."),
        ("generated", "publish", "The commitment is published once, after the approval."),
        ("generated", "activate", "Only a list whose commitment is published can be opened."),
        ("accepted", "accept", "This list is not waiting for its acceptance report."),
        ("accepted", "publish", "The commitment is published once, after the approval."),
        ("accepted", "activate", "Only a list whose commitment is published can be opened."),
        ("approved", "approve", "This list is not waiting for approval."),
        ("approved", "activate", "Only a list whose commitment is published can be opened."),
        ("published", "publish", "The commitment is published once, after the approval."),
        ("activated", "activate", "Only a list whose commitment is published can be opened."),
        ("activated", "approve", "This list is not waiting for approval."),
    ],
)
def test_no_state_is_skipped_or_repeated(maker, approver, world: World, state: str, step: str, words: str) -> None:
    made = bring(world, state)
    who = maker if step in {"generate", "accept"} else approver
    refused(who, f"/lists/{made.pk}/{step}/", words)


@pytest.mark.parametrize("state", ["drafted", "generated", "accepted", "approved", "published", "activated"])
def test_every_state_can_be_closed_with_reason_and_password_for_good(maker, approver, world: World, state: str) -> None:
    made = bring(world, state)
    path = f"/lists/{made.pk}/close/"
    refused(maker, path, "Say why no more is to be allocated", CLOSING | {"reason": " "})
    refused(maker, path, "Enter your own password again.", CLOSING | {"password": "wrong"})
    text = maker.post(path, CLOSING, follow=True).content.decode()
    assert "The list is closed." in text
    assert "Closed: Factor changed" in text
    assert (now().state, now().closed_by) == ("closed", world.unblinded_statistician)
    refused(maker, path, "This list is closed already.", CLOSING)
    refused(approver, f"/lists/{made.pk}/activate/", "Only a list whose commitment is published can be opened.")
    if made.sealed_seed is not None:
        refused(maker, f"/lists/{made.pk}/generate/", "This list is no draft any more.")


@pytest.mark.parametrize(
    ("state", "step"), [("generated", "accept"), ("accepted", "approve")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("typed", "words"), [({"password": "wrong"}, "Enter your own password again."), ({}, "Enter your own password.")]
)
def test_signatures_need_ones_own_password(maker, approver, world: World, state, step, typed, words) -> None:
    made = bring(world, state)
    refused(maker if step == "accept" else approver, f"/lists/{made.pk}/{step}/", words, typed)
    assert not Signature.objects.filter(record_id=made.pk).exists()


def test_who_made_or_accepted_a_list_does_not_approve_it(maker, world: World, client_for) -> None:
    made = bring(world, "accepted")
    refused(maker, f"/lists/{made.pk}/approve/", "A second person must approve the list; you made it.")
    other = make_member("second-statistician", Role.UNBLINDED_STATISTICIAN, world.study)
    with standing_at("vault"):
        RandomizationList.objects.filter(pk=made.pk).update(state="closed", closed_by=other, closed_at=made.accepted_at,
                                                            closed_reason="again")  # fmt: skip
        second = listed.generated(world.study, maker=world.unblinded_statistician)
    client = client_for(other, "vault")
    client.post(f"/lists/{second.pk}/accept/", {"password": PASSWORD})
    assert now().accepted_by == other
    refused(
        client, f"/lists/{second.pk}/approve/",
        "A second person must approve the list; you signed its acceptance report.",
    )  # fmt: skip
    assert not Signature.objects.filter(meaning="Approved the randomization list").exists()


def test_one_person_cannot_do_both_even_with_two_roles(maker, world: World) -> None:
    made = bring(world, "accepted")
    with standing_at("vault"):
        StudyMembership.objects.create(user=world.unblinded_statistician, study=world.study, role=Role.PHARMACIST)
    refused(maker, f"/lists/{made.pk}/approve/", "A second person must approve the list; you made it.")


@pytest.mark.parametrize(("state", "step"), [("generated", "accept"), ("accepted", "approve")])
def test_a_failed_check_forbids_acceptance_and_approval(maker, approver, world: World, state: str, step: str) -> None:
    made = bring(world, state)
    # A commitment that does not belong to the list, as after tampering by the tables' owner.
    with database_role("portal_admin"), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE alloc.randomization_list SET commitment_root = repeat('0', 64)")
        cursor.execute("SET LOCAL session_replication_role = origin")
    client = maker if step == "accept" else approver
    page = client.get(f"/lists/{made.pk}/").content.decode()
    assert "Failed: " in page
    assert "The list fails a check and cannot be used." in page
    refused(client, f"/lists/{made.pk}/{step}/", "This list fails a check and cannot be used.")


def test_the_signed_report_is_printed_as_it_was_signed(maker, approver, world: World) -> None:
    made = bring(world, "generated")
    assert maker.get(f"/lists/{made.pk}/acceptance.pdf").status_code == 404
    maker.post(f"/lists/{made.pk}/accept/", {"password": PASSWORD})
    answer = maker.get(f"/lists/{made.pk}/acceptance.pdf")
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="XO_list-1_acceptance.pdf"'
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    text = " ".join(text.split())
    for words in (
        "Acceptance report, List 1", "Blocks of 2 or 4 at random", made.commitment_root, "Treatment visible",
        "The seed gives the same list again", "Signed Unblinded Statistician", "Approved Not yet",
        "Printed by Unblinded Statistician",
    ):  # fmt: skip
        assert words in text
    with standing_at("vault"):
        assert Event.objects.filter(name="acceptance report opened").count() == 1
        numbers = list(ListSlot.objects.values_list("number", flat=True))
    assert not any(number in text for number in numbers)
    assert "Acceptance report printed: List 1" in maker.get("/").content.decode()
    approver.post(f"/lists/{made.pk}/approve/", {"password": PASSWORD})
    again = PdfReader(io.BytesIO(maker.get(f"/lists/{made.pk}/acceptance.pdf").content))
    assert "Approved Pharmacist" in " ".join(again.pages[0].extract_text().split())


def test_a_later_list_waits_for_the_earlier_one(maker, approver, world: World) -> None:
    first = bring(world, "drafted")
    maker.post("/lists/new/", BLOCKS)
    second = now()
    assert second.position == 2
    refused(maker, f"/lists/{second.pk}/generate/", "List 1 is still a draft and comes first. Generate or close it")
    maker.post(f"/lists/{first.pk}/generate/")
    maker.post(f"/lists/{second.pk}/generate/")
    for path, client in (("accept", maker), ("approve", approver), ("publish", maker)):
        client.post(f"/lists/{second.pk}/{path}/", {"password": PASSWORD})
    refused(approver, f"/lists/{second.pk}/activate/", "List 1 comes first and is not open yet.")
    maker.post(f"/lists/{first.pk}/close/", CLOSING)
    approver.post(f"/lists/{second.pk}/activate/")
    assert now().state == "active"
    assert "Used where the earlier lists are exhausted" in maker.get(f"/lists/{second.pk}/").content.decode()


def test_a_list_after_minimization_waits_until_that_is_closed(maker, world: World) -> None:
    maker.post("/lists/new/", {"method": "minimization", "factors": ["sex"], "weight_sex": "1", "probability": "0.7"})
    first = now()
    maker.post(f"/lists/{first.pk}/generate/")
    maker.post("/lists/new/", BLOCKS)
    refused(maker, f"/lists/{now().pk}/generate/", "List 1 is minimization and never ends. Close it before")
    maker.post(f"/lists/{first.pk}/close/", CLOSING)
    maker.post(f"/lists/{now().pk}/generate/")
    assert now().state == "generated"


def test_minimization_goes_through_the_same_life(maker, approver) -> None:
    maker.post("/lists/new/", {"method": "minimization", "factors": ["sex"], "weight_sex": "1", "probability": "0.75"})
    page = f"/lists/{now().pk}/"
    for client, step in ((maker, "generate"), (maker, "accept"), (approver, "approve"), (maker, "publish")):
        assert client.post(f"{page}{step}/", {"password": PASSWORD}).status_code == 302
    text = approver.post(f"{page}activate/", follow=True).content.decode()
    assert now().state == "active"
    assert "Each participant is allocated by a draw of the vault from now on." in text
    assert "biased coin" not in text
    own = maker.get(page).content.decode()
    assert "Minimization, biased coin 0.75" in own
    assert "Of 100 simulated trials of 26 participants the sequences ended" in own
    report = PdfReader(io.BytesIO(maker.get(f"{page}acceptance.pdf").content)).pages[0].extract_text()
    assert "Commits to" in report


def test_a_used_up_list_says_so(maker, world: World) -> None:
    with standing_at("vault"):
        made = listed.activated(
            world.study, maker=world.unblinded_statistician, second=world.pharmacist, slots_per_stratum=4
        )  # fmt: skip
    with database_role("portal_owner"), connection.cursor() as cursor:
        for _ in range(4):
            cursor.execute("UPDATE alloc.stratum SET taken = taken + 1")
    assert "Every place of it is taken." in maker.get(f"/lists/{made.pk}/").content.decode()


def test_missing_lists_and_strangers_are_refused_by_the_services_themselves(world: World) -> None:
    from sessions.allocation import examination, generation, life, taking_in
    from studyportal.errors import NotFound, NotPermitted

    made = bring(world, "accepted")
    stranger = make_member("stranger", Role.UNBLINDED_STATISTICIAN, world.other_study)
    acts = (
        lambda key, by: generation.generate(list_id=key, by=by),
        lambda key, by: taking_in.take_in(list_id=key, content=b"", by=by),
        lambda key, by: life.record_acceptance(list_id=key, sealed_report=b"", by=by),
        lambda key, by: life.record_approval(list_id=key, by=by),
        lambda key, by: life.publish(list_id=key, password=PASSWORD, by=by),
        lambda key, by: life.activate(list_id=key, by=by),
        lambda key, by: life.close_list(list_id=key, reason="Because", password=PASSWORD, by=by),
    )
    with standing_at("vault"):
        for act in acts:
            with pytest.raises(NotFound):
                act(uuid.uuid4(), world.pharmacist)
            with pytest.raises(NotPermitted):
                act(made.pk, stranger)
        for act in (examination.sign_acceptance, examination.sign_approval):
            with pytest.raises(NotPermitted):
                act(made=made, password=PASSWORD, by=stranger)
        with pytest.raises(NotPermitted):
            generation.create_list(
                study=world.study, method="simple", parameters={}, slots_per_stratum=4, by=world.pharmacist
            )
    assert now().state == "accepted"
