"""Which sessions can be served with a kit, and which were: facts of the calendar and the ledger, none of a sequence."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from participants.models import Participant
from participants.policies import has_left
from participants.selectors import consent_in_force
from sessions.allocation.kit_ledger import Movement, State
from sessions.allocation.kit_models import DispensingLabel, Kit, KitMovement
from sessions.allocation.kit_signing import latest, state_of
from sessions.allocation.models import Allocation
from sessions.models import StudySession
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.errors import InvalidState, NotFound
from studyportal.studies.models import Study

OPEN = (StudySession.Status.PLANNED, StudySession.Status.IN_PROGRESS)
FAILED = frozenset({Movement.BROKEN, Movement.LOST, Movement.RECALLED})
"""What happens to a dispensed kit next when its session needs another."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A session on the pharmacist's list."""

    session: StudySession
    is_picked: bool
    is_replacement: bool


@dataclass(frozen=True, slots=True)
class DueBack:
    """A kit that the pharmacist waits for, or that waits on the shelf for nobody."""

    number: str
    session: StudySession
    is_picked: bool


def session_at(session_id: UUID, by: User) -> StudySession:
    """Return a session of an allocated participant, after checking the person at the participant's site.

    Raises:
        NotPermitted: the person may not dispense there.
        NotFound: no such session, or nobody is allocated.
    """
    found = (
        StudySession.objects.select_related("participant__study", "participant__site", "period")
        .filter(pk=session_id)
        .first()
    )
    if found is None or not Allocation.objects.filter(participant_id=found.participant_id).exists():
        raise NotFound("There is no such session of a randomized participant.")
    check(by, Permission.KIT_DISPENSE, found.participant.study, found.participant.site)
    return found


def check_can_dispense(session: StudySession, *, afterwards: bool = False) -> None:
    """Refuse a session that cannot be served with a kit.

    Raises:
        InvalidState: the study is locked, the participant has left or has no consent in force, no date is planned, the
            session is over, or its period was served.
    """
    participant = session.participant
    if participant.study.status == Study.Status.LOCKED:
        raise InvalidState("The study is locked; nothing is dispensed any more.")
    if has_left(participant):
        msg = f"{participant.number} has left the study ({participant.get_status_display().lower()})."
        raise InvalidState(msg)
    if consent_in_force(participant) is None:
        msg = f"{participant.number} has no consent in force. Ask the site before anything is prepared."
        raise InvalidState(msg)
    if session.planned_at is None and not afterwards:
        raise InvalidState("No date is planned for this session. The site plans it first.")
    if session.status not in OPEN and not afterwards:
        msg = f"This session is {session.get_status_display().lower()}; nothing is dispensed for it any more."
        raise InvalidState(msg)
    if serving(session) is not None:
        msg = f"A kit was dispensed for {participant.number} in period {session.period.number} already."
        raise InvalidState(msg)


def local_day(session: StudySession) -> datetime.date:
    """Return the planned day on the site's calendar: a kit must not have expired then."""
    return clock.local(session.planned_at or clock.now(), session.participant.site.time_zone).date()


def serving(session: StudySession) -> Kit | None:
    """Return the kit that serves a session: dispensed for it, and not broken, lost or recalled after that."""
    return _kit(_served([session.pk]).get(session.pk))


def reserved_for(session: StudySession) -> Kit | None:
    """Return the kit that is picked for a session."""
    return _kit(_picked([session.pk]).get(session.pk))


def _kit(pk: UUID | None) -> Kit | None:
    return latest(Kit.objects.select_related("shipment__site", "study").filter(pk=pk)).first() if pk else None


def _served(sessions: Collection[UUID]) -> dict[UUID | None, UUID]:
    return {
        line.session_id: line.kit_id
        for line, after in _with_next(sessions, Movement.DISPENSED)
        if after not in FAILED
    }  # fmt: skip


def _picked(sessions: Collection[UUID]) -> dict[UUID | None, UUID]:
    return {line.session_id: line.kit_id for line, after in _with_next(sessions, Movement.RESERVED) if after is None}


def _with_next(sessions: Collection[UUID], kind: Movement) -> list[tuple[KitMovement, str | None]]:
    """Return the movements of a kind for sessions, each with the kind of the same kit's next movement."""
    found = list(KitMovement.objects.filter(session__in=sessions, kind=kind))
    after = {
        (kit, seq): then
        for kit, seq, then in KitMovement.objects.filter(kit__in=[line.kit_id for line in found])
        .order_by()
        .values_list("kit", "seq", "kind")
    }
    return [(line, after.get((line.kit_id, line.seq + 1))) for line in found]


def waiting_for(viewer: User, study: Study) -> list[Waiting]:
    """Return the planned sessions of the viewer's sites that have no kit yet, the earliest first.

    Raises:
        NotPermitted: the viewer may not dispense.
    """
    check(viewer, Permission.KIT_DISPENSE, study)
    sites = sites_with(viewer, Permission.KIT_DISPENSE, study)
    allocated = Allocation.objects.filter(participant__study=study).values("participant")
    planned = (
        StudySession.objects.filter(
            participant__in=allocated, participant__site__in=sites, planned_at__isnull=False, status__in=OPEN,
            participant__status=Participant.Status.RANDOMIZED,
        )
        .select_related("participant__study", "participant__site", "period")
        .order_by("planned_at", "participant__number")
    )  # fmt: skip
    pks = [one.pk for one in planned]
    picked, served = _picked(pks), _served(pks)
    labelled = set(DispensingLabel.objects.filter(session__in=pks).values_list("session", flat=True))
    return [Waiting(one, one.pk in picked, one.pk in labelled) for one in planned if one.pk not in served]


def due_back(viewer: User, study: Study) -> list[DueBack]:
    """Return kits of the viewer's sites that should move: picked for a session that will not be held, or dispensed for
    one that is over and not given back yet.

    Raises:
        NotPermitted: the viewer may not dispense.
    """
    check(viewer, Permission.KIT_DISPENSE, study)
    sites = sites_with(viewer, Permission.KIT_DISPENSE, study)
    kits = latest(Kit.objects.filter(study=study, shipment__site__in=sites))
    states = {kit.pk: state_of(kit) for kit in kits}
    held = {kit.pk: kit.number for kit in kits if states[kit.pk] in {State.RESERVED, State.DISPENSED}}
    lines = (
        KitMovement.objects.filter(kit__in=held, kind=Movement.RESERVED)
        .select_related("session__participant", "session__period")
        .order_by("seq")
    )
    sessions = {line.kit_id: line.session for line in lines}  # the latest pick of a kit comes last
    found = [
        DueBack(held[key], session, states[key] is State.RESERVED)
        for key, session in sessions.items()
        if session is not None
    ]
    return sorted((one for one in found if _is_due(one)), key=lambda one: (one.session.participant.number, one.number))


def _is_due(one: DueBack) -> bool:
    is_over = one.session.status not in OPEN
    return is_over or (one.is_picked and has_left(one.session.participant))
