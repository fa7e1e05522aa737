"""Minimization: the blinded side asks, the vault draws.

No list can be made in advance, so the number comes seconds later: the blinded side writes a request through a function
of the database, the vault's worker replays the course from the sealed seed, draws, seals a slot and answers. Whatever
dies in between, the request is there, the answer is one transaction, and a participant gets one number.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from participants.models import Participant
from sessions.allocation.minimization_models import MinimizationRequest, Replacement
from sessions.allocation.models import Allocation, ListSlot, RandomizationList, Stratum
from sessions.allocation.replacement import put_aside
from sessions.allocation.sealing import seal, unseal
from sessions.allocation.services import open_slot, seed_info, slot_info
from sessions.policies import randomization_preconditions
from sessions.randomization import Method, Slot
from sessions.randomization.course import COURSE, next_slot
from sessions.randomization.generators import Generator
from sessions.randomization.minimization import Levels, counts_for, scheme_of
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState
from studyportal.studies.models import Study


class CannotDraw(InvalidState):
    """The vault cannot answer a request now; the request waits."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the blinded side knows of an open request: the number once it is drawn, else an empty text."""

    number: str
    asked_by_id: UUID
    asked_at: datetime.datetime
    levels: Levels


@dataclass(frozen=True, slots=True)
class Newcomer:
    """One place of a course: who, with which levels, and the slot that was drawn."""

    participant: str
    levels: Levels
    slot: Slot


@dataclass(frozen=True, slots=True)
class Course:
    """A whole minimization in the order of its draws, with what derives it again."""

    parameters: Mapping[str, object]
    sequences: tuple[str, ...]
    generator: Generator
    seed: bytes
    newcomers: tuple[Newcomer, ...]


def is_minimized(study_id: UUID) -> bool:
    """Whether the study's active list is a minimization.

    The method is part of the protocol and public; its settings, and where the course stands, are not asked for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT alloc.is_minimized(%s)", [study_id])
        (found,) = cursor.fetchone()
    return bool(found)


def ask(*, participant: Participant, levels: Levels, request_id: UUID, by_id: UUID) -> str | None:
    """Ask for a participant's number, as the blinded login; a repeated request changes nothing.

    Returns the number where it is drawn already, an empty text while the vault has yet to draw, None when nothing can
    be asked. What calls this has checked the preconditions under the participant's lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT alloc.ask_minimization(%s, %s, %s::jsonb, %s, %s)",
            [participant.pk, participant.study_id, json.dumps(dict(levels)), request_id, by_id],
        )
        (number,) = cursor.fetchone()
    return None if number is None else str(number)


def asked_for(participant_id: UUID) -> Asked | None:
    """Return a participant's open request, as a blinded login; None when there is none or it was cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, asked_by, asked_at, levels::text FROM alloc.minimization_of(%s)", [participant_id]
        )
        row = cursor.fetchone()
    if row is None:
        return None
    number, asked_by_id, asked_at, levels = row
    return Asked(number, asked_by_id, asked_at, json.loads(levels))


def undelivered() -> list[UUID]:
    """Return the participants whose number is drawn and does not stand at them yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT alloc.undelivered()")
        return [pk for (pk,) in cursor.fetchall()]


def cancel(participant_id: UUID) -> bool:
    """Take a waiting request back; False when none waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT alloc.cancel_minimization(%s)", [participant_id])
        (was_waiting,) = cursor.fetchone()
    return bool(was_waiting)


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A request that waits, as the vault shows it, and what keeps it waiting; an empty text is the worker alone."""

    participant: str
    site: str
    asked_at: datetime.datetime
    hindrance: str


@transaction.atomic
def waiting_for(viewer: User, study: Study) -> list[WaitingRow]:
    """Return the study's requests that wait, the oldest first.

    Raises:
        NotPermitted: the viewer's role does not include lists.
    """
    check(viewer, Permission.LIST_VIEW, study)
    found = MinimizationRequest.objects.filter(study=study, state=MinimizationRequest.State.WAITING)
    return [
        WaitingRow(one.participant.number, str(one.participant.site), one.asked_at, _hindrance(one))
        for one in found.select_related("participant__site")
    ]


def waiting() -> list[UUID]:
    """Return the keys of the requests that wait, the oldest first; at the vault."""
    found = MinimizationRequest.objects.filter(state=MinimizationRequest.State.WAITING)
    return list(found.values_list("pk", flat=True))


@transaction.atomic
def answer(asked_id: UUID) -> bool:
    """Draw and seal the slot of a request at the vault, and write the allocation: all or nothing.

    Returns False when the request no longer waits, or is taken back here because the participant may no longer be
    randomized. The announcement is committed before the seed is opened.

    Raises:
        CannotDraw: no minimization is active, or it does not know a level; the request waits on.
        BlindingViolation: this process is not the vault, or the seed was altered.
    """
    asked = MinimizationRequest.objects.filter(pk=asked_id).first()
    if asked is None or asked.state != MinimizationRequest.State.WAITING:
        return False
    # The same order as at the blinded door: the participant first, then what belongs to the list.
    participant = Participant.objects.select_for_update(of=("self",)).select_related("study", "site")
    participant_now = participant.get(pk=asked.participant_id)
    if not all(one.is_met for one in randomization_preconditions(participant_now)):
        cancel(asked.participant_id)
        return False
    made = _active_list(asked)
    events.record_now("sequence drawn", study=participant_now.study.code, target=str(made.pk))
    slot = _kept(made, asked, _drawn(made, asked))
    with connection.cursor() as cursor:
        cursor.execute("SELECT alloc.answer_minimization(%s, %s)", [asked.pk, slot.pk])
        (is_written,) = cursor.fetchone()
    if not is_written:  # taken back in this very moment
        transaction.set_rollback(True)
    return bool(is_written)


def course_of(made: RandomizationList) -> Course:
    """Return a whole course with its seed, opened at the vault. The caller has announced it in the trail.

    Raises:
        BlindingViolation: this process is not the vault, or a slot was altered or moved.
    """
    levels = {one.request_id: one.levels for one in MinimizationRequest.objects.filter(study=made.study_id)}
    return Course(
        parameters=made.parameters,
        sequences=tuple(made.sequences),
        generator=Generator(made.generator),
        seed=unseal(bytes(made.sealed_seed or b""), seed_info(made.pk)),
        newcomers=tuple(
            Newcomer(one.participant.number, levels[one.request_id], open_slot(one.slot))
            for one in _allocated(made).select_related("participant", "slot__stratum")
        ),
    )


def _allocated(made: RandomizationList) -> QuerySet[Allocation]:
    return Allocation.objects.filter(slot__stratum__list=made).order_by("slot__ordinal")


def _hindrance(asked: MinimizationRequest) -> str:
    try:
        _active_list(asked)
    except CannotDraw as refusal:
        return refusal.message
    return ""


def _active_list(asked: MinimizationRequest) -> RandomizationList:
    """Return the study's active minimization, locked: one draw at a time."""
    made = (
        RandomizationList.objects.select_for_update()
        .filter(study=asked.study_id, state=RandomizationList.State.ACTIVE, method=Method.MINIMIZATION)
        .first()
    )
    if made is None:
        raise CannotDraw("No minimization is active in this study.")
    try:
        counts_for(scheme_of(made.parameters, made.sequences), [], asked.levels)
    except ValueError as error:
        msg = f"The active minimization does not fit the request: {error}."
        raise CannotDraw(msg) from None
    return made


def _drawn(made: RandomizationList, asked: MinimizationRequest) -> Slot:
    before = list(_allocated(made).values_list("request_id", flat=True))
    levels = {one.request_id: one.levels for one in MinimizationRequest.objects.filter(request_id__in=before)}
    taken = ListSlot.objects.filter(stratum__list__study=asked.study_id).values_list("number", flat=True)
    return next_slot(
        scheme_of(made.parameters, made.sequences),
        unseal(bytes(made.sealed_seed or b""), seed_info(made.pk)),
        [levels[one] for one in before],
        asked.levels,
        taken_numbers=set(taken),
        generator=Generator(made.generator),
    )


def _kept(made: RandomizationList, asked: MinimizationRequest, drawn: Slot) -> ListSlot:
    """Seal and write what was drawn; a mirrored newcomer takes the slot that was arranged, after the same steps."""
    head, _ = Stratum.objects.get_or_create(list=made, key=COURSE)
    mirrored = Replacement.objects.filter(participant=asked.participant_id, is_mirrored=True)
    if (arranged := mirrored.select_related("slot__stratum__list__study").first()) is not None:
        put_aside(arranged.slot)
        return arranged.slot
    return ListSlot.objects.create(
        stratum=head, ordinal=drawn.ordinal, number=drawn.number,
        sealed=seal(
            drawn.nonce + drawn.sequence.encode(), slot_info(made.pk, head.key, drawn.ordinal, drawn.number)
        ),
    )  # fmt: skip
