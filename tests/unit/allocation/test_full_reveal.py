"""The reveal after the lock: two people, the announcement first, one bundle that the verifier accepts; and one slot."""

import json
import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from participants.models import Participant
from participants.services.withdrawal import withdraw
from sessions.allocation import full_reveal, life, minimizing, publication, replacement
from sessions.allocation.generation import create_list
from sessions.allocation.models import Allocation, Publication, RandomizationList, RevealStep
from sessions.allocation.proving import proof_of
from sessions.allocation.services import unblind_participant
from sessions.allocation.terms import open_list
from sessions.randomization import CommitsTo, slot_proof, verify
from sessions.services import drawing
from sessions.services.randomization import randomize
from studyportal import clock
from studyportal.audit.context import acting
from studyportal.audit.models import Event
from studyportal.errors import BlindingViolation, InvalidInput, InvalidState, NotPermitted
from studyportal.studies.models import Study
from tests.conftest import database_role, standing_at
from tests.factories import journey
from tests.factories.minimized import activate_minimization
from tests.factories.people import PASSWORD
from tests.factories.second_factor import code_of
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def lock(world: World) -> None:
    world.study.status = Study.Status.LOCKED
    with acting("user:suite"):
        world.study.save(update_fields=["status"])


@pytest.fixture
def run(world: World) -> World:
    """Two lists, the second an extension, both committed to before use; three people randomized."""
    journey.activate_list(world)
    journey.randomized(world)
    journey.randomized(world, sex="M")
    with standing_at("vault"):
        first = RandomizationList.objects.get()
        life.close_list(list_id=first.pk, reason="Extended", password=PASSWORD, by=world.pharmacist)
    journey.activate_list(world)
    journey.randomized(world)
    return world


def announce(world: World, **change: object) -> RevealStep:
    return full_reveal.announce(
        **{"study": world.study, "reason": "End of analysis", "password": PASSWORD, "by": world.pharmacist} | change
    )


def confirm(world: World, **change: object) -> RevealStep:
    return full_reveal.confirm(
        **{"study": world.study, "password": PASSWORD, "by": world.unblinded_statistician} | change
    )


def document(world: World) -> dict:
    return json.loads(full_reveal.study_document(study=world.study, by=world.pharmacist))


def test_before_the_lock_every_step_is_refused_and_nothing_is_opened(run: World) -> None:
    with standing_at("vault"):
        for act in (announce, confirm, document):
            with pytest.raises(InvalidState, match="revealed after the lock"):
                act(run)
        with pytest.raises(InvalidState, match="revealed after the lock"):
            full_reveal.publish_reveal(study=run.study, password=PASSWORD, by=run.pharmacist)
        state = full_reveal.reveal_state(run.pharmacist, run.study)
        assert (state.is_locked, state.announced, state.confirmed, state.lists, state.allocations) == (
            False, None, None, 2, 3,
        )  # fmt: skip
        assert not Event.objects.filter(name__startswith="full reveal").exists()
        assert Publication.objects.exclude(kind="commitment").count() == 0


def test_two_people_reveal_a_locked_study_and_the_verifier_accepts_it(run: World) -> None:
    lock(run)
    with standing_at("vault"):
        roots = list(Publication.objects.values_list("value", flat=True))
        announced = announce(run)
        assert str(announced).startswith("Announced")
        with pytest.raises(InvalidState, match="second person must confirm"):
            confirm(run, by=run.pharmacist)
        with pytest.raises(InvalidState, match="not confirmed by a second person"):
            document(run)
        confirm(run)
        names = list(Event.objects.order_by("at").values_list("name", flat=True))
        assert names[-2:] == ["full reveal announced", "full reveal confirmed"]
        with pytest.raises(InvalidState, match="confirmed already"):
            confirm(run)
        with pytest.raises(InvalidState, match="confirmed already"):
            announce(run)
        made = document(run)
        assert Event.objects.order_by("at").last().name == "full reveal opened"
        full_reveal.publish_reveal(study=run.study, password=PASSWORD, by=run.pharmacist)
        with pytest.raises(InvalidState, match="published already"):
            full_reveal.publish_reveal(study=run.study, password=PASSWORD, by=run.pharmacist)
        state = full_reveal.reveal_state(run.pharmacist, run.study)
        assert (state.announced, state.published.value) != (None, None)
    seen = publication.published_for(run.monitor, run.study)
    assert seen.chain.value == announced.chain == made["chain"]
    told = list(verify.check(made, roots, seen.chain.value))
    assert [sentence for holds, sentence in told if not holds] == []
    assert [row["participant"] for row in made["allocations"]] == ["XO-001", "XO-002", "XO-003"]
    assert len({row["list"] for row in made["allocations"]}) == 2
    assert json.loads(publication.revealed_document(run.monitor, run.study)) == made


def test_a_mirrored_replacement_is_told_beside_the_lists(run: World) -> None:
    leaver, newcomer = Participant.objects.get(number="XO-001"), journey.eligible(run)
    withdraw(
        participant=leaver, reason="participant", note="", withdrawn_on=clock.now().date(), by=run.coordinator
    )  # fmt: skip
    with standing_at("vault"), transaction.atomic():
        replacement.arrange(
            study=run.study, replaced=leaver.pk, participant=newcomer.pk, is_mirrored=True, reason="Dropped out",
            password=PASSWORD, by=run.unblinded_statistician,
        )  # fmt: skip
    number = randomize(
        participant=newcomer, request_id=uuid.uuid4(), password=PASSWORD, by=run.coordinator
    ).randomization_number
    lock(run)
    with standing_at("vault"):
        roots = list(Publication.objects.values_list("value", flat=True))
        announced = announce(run)
        confirm(run)
        made = document(run)
    assert made["mirrored"] == [{"participant": newcomer.number, "number": number, "replaced": "XO-001"}]
    assert (made["allocations"][-1]["list"], len(made["lists"])) == ("", 2)
    told = list(verify.check(made, roots, announced.chain))
    assert [sentence for holds, sentence in told if not holds] == []
    made["mirrored"][0]["replaced"] = newcomer.number
    assert not all(holds for holds, _ in verify.check(made, roots, announced.chain))


def test_a_list_that_was_never_published_nor_used_is_no_part_of_the_reveal(run: World) -> None:
    with standing_at("vault"):
        create_list(
            study=run.study, method="simple", parameters={}, slots_per_stratum=4, by=run.unblinded_statistician,
        )  # fmt: skip
    lock(run)
    with standing_at("vault"):
        announce(run)
        confirm(run)
        assert len(document(run)["lists"]) == 2
        assert full_reveal.reveal_state(run.pharmacist, run.study).lists == 2


def test_a_wrong_password_a_missing_reason_and_a_blinded_person_reveal_nothing(run: World) -> None:
    lock(run)
    with standing_at("vault"):
        with pytest.raises(InvalidInput, match="password does not match"):
            announce(run, password="wrong")
        with pytest.raises(InvalidInput, match="Give the reason"):
            announce(run, reason="  ")
        for act in (announce, confirm):
            with pytest.raises(NotPermitted, match="reveal list"):
                act(run, by=run.monitor)
        with pytest.raises(InvalidState, match="Nobody has announced"):
            confirm(run)
        assert RevealStep.objects.count() == 0
        announce(run)
        with pytest.raises(InvalidInput, match="password does not match"):
            confirm(run, password="wrong")
        assert RevealStep.objects.count() == 1


def test_allocations_that_change_after_the_announcement_need_another_one(run: World) -> None:
    lock(run)
    with standing_at("vault"):
        announce(run)
    run.study.status = Study.Status.RECRUITING
    run.study.save(update_fields=["status"])
    journey.randomized(run)
    lock(run)
    with standing_at("vault"):
        with pytest.raises(InvalidState, match="changed since the announcement"):
            confirm(run)
        second = announce(run)
        assert confirm(run).announcement == second


def test_the_database_itself_insists_on_lock_and_second_person(run: World) -> None:
    step = "INSERT INTO alloc.reveal_step (id, study_id, step, announcement_id, chain, reason, taken_at, taken_by_id) "
    values = "SELECT gen_random_uuid(), study_id, 'confirmed', id, chain, '', now(), taken_by_id FROM alloc.reveal_step"
    direct = "VALUES (gen_random_uuid(), %s, 'announced', NULL, '', '', now(), %s)"
    with standing_at("vault"), pytest.raises(DatabaseError, match="after its lock only"), transaction.atomic():
        connection.cursor().execute(step + direct, [run.study.pk, run.pharmacist.pk])
    lock(run)
    with standing_at("vault"):
        announce(run)
        with pytest.raises(DatabaseError, match="by a second person"), transaction.atomic():
            connection.cursor().execute(step + values)
        for change in ("UPDATE alloc.reveal_step SET reason = 'x'", "DELETE FROM alloc.reveal_step"):
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(change)


def test_a_list_that_does_not_give_its_root_is_not_handed_out(run: World) -> None:
    lock(run)
    with standing_at("vault"):
        announce(run)
        confirm(run)
    with database_role("portal_owner"), connection.cursor() as cursor:
        # Whoever owns the tables may take their guards away; the root still tells.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE alloc.randomization_list DISABLE TRIGGER keep_list")
        cursor.execute("UPDATE alloc.randomization_list SET commitment_root = repeat('0', 64)")
        cursor.execute("ALTER TABLE alloc.randomization_list ENABLE TRIGGER keep_list")
    with standing_at("vault"), pytest.raises(BlindingViolation, match="does not give its commitment root"):
        document(run)


def test_a_bound_list_is_recognised_and_its_slot_is_proven_for_this_study(world: World) -> None:
    with standing_at("vault"):
        made = create_list(
            study=world.study, method="big_stick", parameters={"tolerance": 2}, slots_per_stratum=6,
            by=world.unblinded_statistician,
        )  # fmt: skip
        bound = open_list(made)
        assert bound.commits_to is CommitsTo.BOUND
        proof = slot_proof(bound.terms, bound.seed, bound.made, bound.made.slots[3].number, commits_to=bound.commits_to)
    told = list(verify.check(proof, made.commitment_root))
    assert all(holds for holds, _ in told)
    assert told[-1][1].endswith(f"made for study XO, list {made.pk}.")


@pytest.fixture
def minimized(world: World) -> tuple[World, RandomizationList]:
    """A minimization by the usual way: asked for at the blinded door, drawn at the vault, written down."""
    made = activate_minimization(world)
    for sex in ("F", "M", "F"):
        person = journey.eligible(world, sex=sex)
        randomize(participant=person, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)
        with standing_at("vault"), acting("system:vault-worker"):
            assert [minimizing.answer(asked) for asked in minimizing.waiting()] == [True]
        drawing.complete(person.pk)
    return world, made


def test_a_minimization_is_revealed_and_drawn_again_and_its_slots_have_no_proof(minimized) -> None:
    world, made = minimized
    lock(world)
    with standing_at("vault"):
        announced = announce(world)
        confirm(world)
        whole = document(world)
        (course,) = whole["lists"]
        assert (course["commits_to"], course["root"]) == ("bound", made.commitment_root)
        assert [row["levels"] for row in course["newcomers"]] == [
            {"site": "01", "sex": "F"}, {"site": "01", "sex": "M"}, {"site": "01", "sex": "F"},
        ]  # fmt: skip
        assert whole["allocations"][0]["stratum"] == "sex=F, site=01"
        told = list(verify.check(whole, [made.commitment_root], announced.chain))
        assert [sentence for holds, sentence in told if not holds] == []
        someone = Allocation.objects.first().participant_id
        with acting(f"user:{world.pharmacist.username}", request_id="r1"):
            unblind_participant(
                study=world.study, participant_id=someone, by=world.pharmacist, reason_code="other", reason="x"
            )
            with pytest.raises(InvalidState, match="has no list made in advance"):
                proof_of(study=world.study, participant_id=someone, request_id="r1", by=world.pharmacist)


def test_one_slots_proof_follows_a_reveal_and_is_in_the_trail_first(run: World, client_for) -> None:
    client = client_for(run.pharmacist, "vault")
    for address in ("/allocations/revealed/proof.json", "/allocations/revealed/proof.pdf"):
        assert client.get(address).status_code == 404
    with standing_at("vault"):
        roots = list(Publication.objects.values_list("value", flat=True))
        nonces = [slot.nonce.hex() for made in RandomizationList.objects.all() for slot in open_list(made).made.slots]
    done = client.post(
        "/allocations/reveal/",
        {"participant": "XO-001", "reason_code": "emergency", "reason": "Fall, ward 7 asks", "password": PASSWORD,
         "code": code_of(run.pharmacist)},
    )  # fmt: skip
    assert done.status_code == 302
    page = client.get("/allocations/revealed/").content.decode()
    assert "Proof (file for the verifier)" in page
    answer = client.get("/allocations/revealed/proof.json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="XO-001-slot-proof.json"'
    proof = verify.read(answer.content)
    assert proof["root"] in roots
    assert all(holds for holds, _ in verify.check(proof, proof["root"]))
    text = answer.content.decode()
    assert [nonce for nonce in nonces if nonce in text] == [proof["slot"]["nonce"]]
    sheet = client.get("/allocations/revealed/proof.pdf")
    assert sheet.headers["Content-Type"] == "application/pdf"
    assert sheet.content.startswith(b"%PDF")
    with standing_at("vault"):
        assert Event.objects.filter(name="slot proof made").count() == 2
        own = Allocation.objects.get(participant__number="XO-001")
        assert proof["slot"]["number"] == own.slot.number
    log = client.get("/log/").content.decode()
    assert "Proof of one slot made" in log


def test_a_reveal_elsewhere_gives_no_proof(run: World, client_for) -> None:
    with standing_at("vault"):
        someone = Allocation.objects.first().participant_id
        unblind_participant(
            study=run.study, participant_id=someone, by=run.unblinded_statistician, reason_code="other", reason="x"
        )
    assert client_for(run.pharmacist, "vault").get("/allocations/revealed/proof.json").status_code == 404
