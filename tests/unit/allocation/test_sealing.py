"""Sealed slots: constant length, bound to their place, opened at the vault only; and what allocation refuses."""

import stat
import uuid

import pytest
from django.db import DatabaseError, ProgrammingError, transaction

from sessions.allocation.life import close_list
from sessions.allocation.models import Allocation, ListSlot, RandomizationList, Stratum
from sessions.allocation.sealing import make_key_pair, seal, unseal
from sessions.allocation.services import allocate, open_slot
from studyportal.errors import BlindingViolation, InvalidInput, NotFound
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.world import World

vault = pytest.mark.usefixtures("_at_vault")


@pytest.fixture
def _at_vault(settings) -> None:
    settings.PORTAL_DOOR = "vault"


@vault
def test_what_is_sealed_opens_with_the_same_place() -> None:
    assert unseal(seal(b"AB", "list|01|1|R-1"), "list|01|1|R-1") == b"AB"


@vault
def test_blobs_have_one_length_and_never_repeat() -> None:
    blobs = {seal(payload, "x") for payload in (b"", b"AB", b"A" * 62) for _ in range(5)}
    assert len(blobs) == 15
    assert len({len(blob) for blob in blobs}) == 1


@vault
def test_a_moved_or_altered_blob_is_refused() -> None:
    blob = seal(b"AB", "list|01|1|R-1")
    with pytest.raises(BlindingViolation, match="altered or moved"):
        unseal(blob, "list|01|2|R-1")
    for position in range(0, len(blob), 7):
        broken = blob[:position] + bytes([blob[position] ^ 1]) + blob[position + 1 :]
        with pytest.raises(BlindingViolation, match="altered or moved"):
            unseal(broken, "list|01|1|R-1")


def test_the_blinded_door_opens_nothing() -> None:
    blob = seal(b"AB", "x")
    with pytest.raises(BlindingViolation, match="Not found"):
        unseal(blob, "x")


@vault
def test_a_vault_without_its_key_opens_nothing(settings, tmp_path) -> None:
    blob = seal(b"AB", "x")
    settings.PORTAL_VAULT_KEY_FILE = tmp_path / "absent"
    with pytest.raises(BlindingViolation, match="Not found"):
        unseal(blob, "x")


def test_too_long_a_payload_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 62 bytes"):
        seal(b"A" * 63, "x")


def test_the_private_key_is_its_owners_and_never_overwritten(tmp_path) -> None:
    private, public = tmp_path / "private", tmp_path / "public"
    make_key_pair(private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    with pytest.raises(FileExistsError):
        make_key_pair(private, public)
    assert private.read_bytes() == before


@pytest.mark.django_db
def test_allocating_again_gives_the_same_number_and_nothing_to_take_gives_none(world: World) -> None:
    journey.activate_list(world, slots_per_stratum=1)
    first = journey.randomized(world)
    arguments = {"study_id": world.study.pk, "request_id": uuid.uuid4()}
    assert allocate(participant_id=first.pk, stratum="01|F", **arguments) == first.randomization_number
    second = journey.eligible(world)
    assert allocate(participant_id=second.pk, stratum="01|F", **arguments) is None
    assert allocate(participant_id=second.pk, stratum="99|F", **arguments) is None
    assert allocate(participant_id=uuid.uuid4(), stratum="01|M", **arguments) is None


@pytest.mark.django_db
def test_a_closed_list_gives_no_number(world: World) -> None:
    journey.activate_list(world)
    with standing_at("vault"):
        active = RandomizationList.objects.get()
        with pytest.raises(InvalidInput, match="Give the reason"):
            close_list(list_id=active.pk, reason=" ", password=PASSWORD, by=world.pharmacist)
        close_list(list_id=active.pk, reason="Factor changed", password=PASSWORD, by=world.pharmacist)
        with pytest.raises(NotFound):
            close_list(list_id=uuid.uuid4(), reason="Factor changed", password=PASSWORD, by=world.pharmacist)
    waiting = journey.eligible(world)
    assert allocate(
        participant_id=waiting.pk, study_id=world.study.pk, stratum="01|F", request_id=uuid.uuid4()
    ) is None  # fmt: skip


@pytest.mark.django_db
def test_a_slot_exchanged_in_the_table_does_not_open(world: World) -> None:
    journey.activate_list(world)
    with standing_at("vault"):
        one, other = ListSlot.objects.select_related("stratum")[:2]
        one.sealed = other.sealed
        with pytest.raises(BlindingViolation, match="altered or moved"):
            open_slot(one)


@pytest.mark.django_db
def test_nobody_changes_or_removes_an_allocation_or_a_slot(world: World) -> None:
    journey.activate_list(world)
    journey.randomized(world)
    with standing_at("vault"):
        for act in (
            lambda: Allocation.objects.update(stratum_key="x"),
            lambda: Allocation.objects.all().delete(),
            lambda: ListSlot.objects.update(ordinal=9),
            lambda: Stratum.objects.update(taken=0),
            lambda: RandomizationList.objects.update(commitment_root="0"),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                act()
        assert (Allocation.objects.count(), ListSlot.objects.filter(ordinal=9).count()) == (1, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("model", [RandomizationList, Stratum, ListSlot, Allocation])
def test_the_blinded_login_reads_no_table_of_the_secret(model) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        model.objects.first()


@pytest.mark.django_db
def test_records_name_themselves_without_the_secret(world: World) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    with standing_at("vault"):
        made, allocation = RandomizationList.objects.get(), Allocation.objects.select_related("slot__stratum").get()
        assert (str(made), made.name) == ("list 1", "List 1")
        assert str(allocation.slot.stratum) == "01|F"
        assert str(allocation.slot) == participant.randomization_number
        assert str(allocation) == f"allocation of {participant.pk}"
