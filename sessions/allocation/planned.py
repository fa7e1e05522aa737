"""The planned unblinding of a locked study: one person begins, another confirms within the hour, then all is opened.

Both re-authenticate with password and code. Every act and every look is committed to the trail before it happens.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from participants.models import Participant
from sessions.allocation.emergency import treatments_of
from sessions.allocation.services import reveal_sequences
from sessions.allocation.unblinding_models import SECOND_WITHIN, PlannedUnblinding
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.fresh_code import check_code
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState, NotFound
from studyportal.studies.models import Study

NOT_LOCKED = (
    "The study is not locked, so its allocations stay closed. A data manager or statistician and an investigator lock "
    "it at the blinded door."
)
BEGUN, DONE = "planned unblinding begun", "planned unblinding"


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """A randomized participant with what each period gives, in the order of the periods."""

    participant: str
    site: str
    randomization_number: str
    sequence: str
    treatments: tuple[str, ...]


def waiting_for(viewer: User, study: Study) -> PlannedUnblinding | None:
    """Return what one person has begun within the hour and nobody has confirmed.

    Raises:
        NotPermitted: the role does not include it.
    """
    check(viewer, Permission.STUDY_UNBLIND, study)
    return _of(study).filter(confirmed_at__isnull=True, started_at__gt=clock.now() - SECOND_WITHIN).first()


def done_for(viewer: User, study: Study) -> PlannedUnblinding | None:
    """Return the planned unblinding that two people have carried out, if any.

    Raises:
        NotPermitted: the role does not include it.
    """
    check(viewer, Permission.STUDY_UNBLIND, study)
    return _of(study).filter(confirmed_at__isnull=False).first()


@transaction.atomic
def begin(*, study: Study, password: str, code: str, by: User) -> PlannedUnblinding:
    """Begin, as the first of two people; nothing is opened yet.

    Raises:
        NotPermitted: the role does not include it.
        InvalidState: the study is not locked, or it has been begun or done already.
        InvalidInput: password or code do not match.
    """
    check(by, Permission.STUDY_UNBLIND, study)
    held = _locked(study)
    if done_for(by, held) is not None:
        raise InvalidState("The allocations of this study were opened already.")
    if waiting_for(by, held) is not None:
        raise InvalidState("Somebody has begun. A second person confirms within the hour.")
    signatures.check_password(by, password)
    check_code(by, code)
    events.record_now(BEGUN, study=held.code, target="all participants")
    return PlannedUnblinding.objects.create(study=held, started_by=by, started_at=clock.now())


@transaction.atomic
def confirm(*, study: Study, begun_id: UUID, password: str, code: str, by: User) -> PlannedUnblinding:
    """Confirm, as the second person; from now on the allocations can be opened. The announcement is committed first.

    Raises:
        NotPermitted: the role does not include it.
        NotFound: nothing waits under this key, or its hour is over.
        InvalidState: the study is not locked, or the same person began.
        InvalidInput: password or code do not match.
    """
    check(by, Permission.STUDY_UNBLIND, study)
    held = _locked(study)
    begun = PlannedUnblinding.objects.filter(
        pk=begun_id, study=held, confirmed_at__isnull=True, started_at__gt=clock.now() - SECOND_WITHIN
    ).first()  # fmt: skip
    if begun is None:
        raise NotFound("Nothing waits for a second person here, or its hour is over. Begin again.")
    if begun.started_by_id == by.pk:
        raise InvalidState("A second person must confirm; you began.")
    signatures.check_password(by, password)
    check_code(by, code)
    events.record_now(DONE, study=held.code, target="all participants")
    begun.confirmed_by, begun.confirmed_at = by, clock.now()
    begun.save(update_fields=["confirmed_by", "confirmed_at"])
    return begun


def opened_rows(viewer: User, study: Study) -> list[OpenedRow]:
    """Return every allocation of the viewer's sites, opened; the look is in the trail first.

    Raises:
        NotPermitted: the role does not include it.
        InvalidState: two people have not carried out the planned unblinding, or the study is no longer locked.
        BlindingViolation: this process is not the vault, or a slot was altered or moved.
    """
    if done_for(viewer, study) is None:
        raise InvalidState("The allocations are closed until two people have carried out the planned unblinding.")
    if study.status != Study.Status.LOCKED:
        raise InvalidState(NOT_LOCKED)
    codes = reveal_sequences(study=study, by=viewer, reason="planned unblinding")
    gives = {
        code: tuple(treatment for _, treatment in treatments_of(study, code)) for code in sorted(set(codes.values()))
    }
    people = Participant.objects.filter(pk__in=codes).select_related("site").order_by("number")
    return [
        OpenedRow(one.number, one.site.code, one.randomization_number, codes[one.pk], gives[codes[one.pk]])
        for one in people
    ]


def _of(study: Study) -> QuerySet[PlannedUnblinding]:
    return PlannedUnblinding.objects.filter(study=study).select_related("started_by", "confirmed_by")


def _locked(study: Study) -> Study:
    """Return the study's row held, so that nobody unlocks it meanwhile and no second act runs beside this one."""
    held = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if held.status != Study.Status.LOCKED:
        raise InvalidState(NOT_LOCKED)
    return held
