"""Acts on the secret: make and approve a list (vault), allocate (the one door for the blinded side), reveal (vault)."""

import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from sessions.allocation.models import Allocation, ListSlot, RandomizationList, Stratum
from sessions.allocation.policies import sequences_of
from sessions.allocation.sealing import seal, unseal
from sessions.randomization import Method, Slot, generate_list
from sessions.randomization.generate import NONCE_BYTES
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState, NotFound
from studyportal.studies.models import Study


def slot_info(list_id: UUID, stratum: str, ordinal: int, number: str) -> str:
    """Return the text that binds a sealed slot to its place."""
    return f"{list_id}|{stratum}|{ordinal}|{number}"


def seed_info(list_id: UUID) -> str:
    """Return the text that binds a sealed seed to its list."""
    return f"{list_id}|seed"


@transaction.atomic
def create_list(
    *,
    study: Study,
    method: str,
    parameters: Mapping[str, object],
    strata: Sequence[str],
    slots_per_stratum: int,
    by: User,
) -> RandomizationList:
    """Generate a list from fresh entropy, seal every slot and commit to the whole.

    Raises:
        NotPermitted: the person may not make lists.
        InvalidInput: the design is impossible; the message says why.
    """
    check(by, Permission.LIST_GENERATE, study)
    keys, codes = sorted(strata), sequences_of(study)
    seed = secrets.token_bytes(32)
    try:
        generated = generate_list(
            method=Method(method), parameters=parameters, sequences=codes, strata=keys,
            slots_per_stratum=slots_per_stratum, seed=seed,
        )  # fmt: skip
    except ValueError as error:
        msg = f"This list cannot be made: {error}."
        raise InvalidInput(msg) from None
    made = RandomizationList(
        study=study, method=method, parameters=dict(parameters), commitment_root=generated.root.hex(),
        generated_by=by, generated_at=clock.now(),
    )  # fmt: skip
    made.sealed_seed = seal(seed, seed_info(made.pk))
    made.save()
    heads = {key: Stratum(list=made, key=key) for key in keys}
    Stratum.objects.bulk_create(heads.values())
    ListSlot.objects.bulk_create(
        ListSlot(
            stratum=heads[slot.stratum], ordinal=slot.ordinal, number=slot.number,
            sealed=seal(
                slot.nonce + slot.sequence.encode(), slot_info(made.pk, slot.stratum, slot.ordinal, slot.number)
            ),
        )
        for slot in generated.slots
    )  # fmt: skip
    events.record("list generated", study=study.code, target=str(made.pk), data={"root": made.commitment_root})
    return made


def open_slot(slot: ListSlot) -> Slot:
    """Open one sealed slot at the vault. The caller has announced it in the trail.

    Raises:
        BlindingViolation: this process is not the vault, or the slot was altered or moved.
    """
    stratum = slot.stratum
    payload = unseal(bytes(slot.sealed), slot_info(stratum.list_id, stratum.key, slot.ordinal, slot.number))
    nonce, code = payload[:NONCE_BYTES], payload[NONCE_BYTES:].decode()
    return Slot(stratum=stratum.key, ordinal=slot.ordinal, number=slot.number, sequence=code, nonce=nonce)


@transaction.atomic
def approve_list(*, list_id: UUID, by: User) -> RandomizationList:
    """Approve a generated list, by another person than the one who made it; it becomes the study's active list.

    Raises:
        NotFound: no such list in a study of this person.
        InvalidState: the list is not waiting for approval, the same person made it, or another list is active.
    """
    made = RandomizationList.objects.select_for_update().filter(pk=list_id).first()
    if made is None:
        raise NotFound("There is no such list.")
    check(by, Permission.LIST_APPROVE, made.study)
    if made.state != RandomizationList.State.GENERATED:
        raise InvalidState("This list is not waiting for approval.")
    if made.generated_by_id == by.pk:
        raise InvalidState("A second person must approve the list; you made it.")
    made.state, made.approved_by, made.approved_at = RandomizationList.State.ACTIVE, by, clock.now()
    try:
        with transaction.atomic():
            made.save(update_fields=["state", "approved_by", "approved_at"])
    except IntegrityError:
        raise InvalidState("Another list is active. Close it before you approve this one.") from None
    events.record("list approved", study=made.study.code, target=str(made.pk))
    return made


@transaction.atomic
def close_list(*, list_id: UUID, reason: str, password: str, by: User) -> RandomizationList:
    """Close a list for good: nothing is allocated from it any more; allocations made from it stay.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not approve lists, so may not close one either.
        InvalidInput: the password or the reason is missing.
        InvalidState: the list is closed already.
    """
    made = RandomizationList.objects.select_for_update().filter(pk=list_id).first()
    if made is None:
        raise NotFound("There is no such list.")
    check(by, Permission.LIST_APPROVE, made.study)
    if not reason.strip():
        raise InvalidInput("Give the reason.", fields={"reason": "Say why no more is to be allocated from this list."})
    signatures.check_password(by, password)
    if made.state == RandomizationList.State.CLOSED:
        raise InvalidState("This list is closed already.")
    made.state = RandomizationList.State.CLOSED
    made.save(update_fields=["state"])
    events.record("list closed", study=made.study.code, target=str(made.pk), data={"reason": reason})
    return made


def allocate(*, participant_id: UUID, study_id: UUID, stratum: str, request_id: UUID) -> str | None:
    """Take the next slot for a participant and return its number, or None when there is none to take.

    Runs as the blinded login: the database function is all that it may call. The same participant always gets the
    same number back, so a repeated request is harmless. What calls this has checked the preconditions under lock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT alloc.allocate(%s, %s, %s, %s)", [participant_id, study_id, stratum, request_id])
        (number,) = cursor.fetchone()
    return None if number is None else str(number)


def reveal_sequences(*, study: Study, by: User, reason: str) -> dict[UUID, str]:
    """Return each allocated participant's sequence code, at the vault; the announcement is committed first.

    Raises:
        NotPermitted: the person may not see allocations.
        BlindingViolation: this process is not the vault.
    """
    check(by, Permission.ALLOCATION_VIEW, study)
    events.record_now("sequences revealed", study=study.code, target="all participants", data={"reason": reason})
    sites = sites_with(by, Permission.ALLOCATION_VIEW, study)
    return _sequences(Allocation.objects.filter(slot__stratum__list__study=study, participant__site__in=sites))


def unblind_participant(*, study: Study, participant_id: UUID, by: User, reason_code: str, reason: str) -> str:
    """Reveal one participant's sequence in an emergency; the announcement is committed before it is opened.

    Raises:
        NotPermitted: the person may not unblind.
        InvalidInput: the reason is missing.
        NotFound: no such participant is allocated at the person's sites of this study.
    """
    check(by, Permission.ALLOCATION_UNBLIND, study)
    if not (reason.strip() and reason_code.strip()):
        raise InvalidInput("Give the reason.", fields={"reason": "Say why the treatment must be known now."})
    found = _allocated(study, participant_id, by)
    events.record_now(
        "participant unblinded", study=study.code, target=str(participant_id),
        data={"reason_code": reason_code, "reason": reason},
    )  # fmt: skip
    return _sequences(found)[participant_id]


def sequence_of(*, study: Study, participant_id: UUID, by: User) -> str:
    """Return a participant's sequence to the person whose reveal the caller has found in the trail.

    Raises:
        NotFound: no such participant is allocated at the person's sites of this study.
    """
    return _sequences(_allocated(study, participant_id, by))[participant_id]


def _allocated(study: Study, participant_id: UUID, by: User) -> QuerySet[Allocation]:
    found = Allocation.objects.filter(
        slot__stratum__list__study=study, participant_id=participant_id,
        participant__site__in=sites_with(by, Permission.ALLOCATION_UNBLIND, study),
    )  # fmt: skip
    if not found.exists():
        raise NotFound("This participant has not been randomized.")
    return found


def _sequences(allocations: QuerySet[Allocation]) -> dict[UUID, str]:
    return {
        allocation.participant_id: open_slot(allocation.slot).sequence
        for allocation in allocations.select_related("slot__stratum")
    }
