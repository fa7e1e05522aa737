"""Acts on the secret: allocate (the one door for the blinded side), open a slot and reveal (vault)."""

from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from sessions.allocation.models import Allocation, ListSlot
from sessions.allocation.sealing import unseal
from sessions.randomization import Slot
from sessions.randomization.generate import NONCE_BYTES
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.audit import events
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Study


def slot_info(list_id: UUID, stratum: str, ordinal: int, number: str) -> str:
    """Return the text that binds a sealed slot to its place."""
    return f"{list_id}|{stratum}|{ordinal}|{number}"


def seed_info(list_id: UUID) -> str:
    """Return the text that binds a sealed seed to its list."""
    return f"{list_id}|seed"


def open_slot(slot: ListSlot) -> Slot:
    """Open one sealed slot at the vault. The caller has announced it in the trail.

    Raises:
        BlindingViolation: this process is not the vault, or the slot was altered or moved.
    """
    stratum = slot.stratum
    payload = unseal(bytes(slot.sealed), slot_info(stratum.list_id, stratum.key, slot.ordinal, slot.number))
    nonce, code = payload[:NONCE_BYTES], payload[NONCE_BYTES:].decode()
    return Slot(stratum=stratum.key, ordinal=slot.ordinal, number=slot.number, sequence=code, nonce=nonce)


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
