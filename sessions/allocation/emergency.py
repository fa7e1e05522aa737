"""Revealing one participant: password and code at the act, reason, the trail first, then what each period gives.

The page of a reveal has an address of its own, so that a reload shows it again and reveals nothing a second time. It
answers for a few minutes, to the person who revealed and only in the sign-in in which it was done.
"""

import datetime
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models.functions import Now

from participants.models import Participant
from sessions.allocation.contagion import PREPARED
from sessions.allocation.models import Allocation
from sessions.allocation.selectors import UNBLINDED
from sessions.allocation.services import sequence_of, unblind_participant
from sessions.allocation.unblinding_notice import tell_of_unblinding
from sessions.models import SequencePeriod
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.fresh_code import check_code
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check, sites_with
from studyportal.audit.models import Event
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Study

SHOWN_FOR = datetime.timedelta(minutes=5)
SHORTEST_REASON = 5


class ReasonCode(StrEnum):
    """Why one participant's treatment must be known."""

    EMERGENCY = "emergency"
    DISPENSING = PREPARED
    SAFETY_REPORT = "safety_report"
    OTHER = "other"

    @property
    def words(self) -> str:
        """The reason as the screen says it."""
        return {
            "emergency": "Medical emergency: the treatment decides what is done now",
            "dispensing": "Preparing what this allocation needs",
            "safety_report": "Report of a serious adverse event to an authority",
            "other": "Other, explained below",
        }[self.value]

    @property
    def public_words(self) -> str:
        """The reason as deviation and mails say it."""
        return {
            "emergency": "medical emergency",
            "dispensing": "preparation of a dose",
            "safety_report": "report of a serious adverse event to an authority",
            "other": "other; the unblinded door's log holds it",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Revealed:
    """What was opened: the sequence, and period by period what it gives; who opened it, when and why."""

    participant: Participant
    sequence: str
    treatments: tuple[tuple[int, str], ...]
    at: datetime.datetime
    reason: str
    is_prepared: bool = False


def reason_codes_for(user: User, study: Study) -> list[ReasonCode]:
    """Return the reasons that a person may give; only who prepares doses may give that one, which tells nobody."""
    prepares = can(user, Permission.ALLOCATION_VIEW, study)
    return [code for code in ReasonCode if prepares or code is not ReasonCode.DISPENSING]


def participant_to_reveal(study: Study, typed: str, *, by: User) -> Participant:
    """Return an allocated participant of the person's sites by the number of either kind, as it stands on a card.

    Raises:
        NotPermitted: the person may not unblind.
        InvalidInput: nobody at the person's sites has this number, or nobody who has it is randomized.
    """
    check(by, Permission.ALLOCATION_UNBLIND, study)
    number = "".join(typed.split()).upper()
    sites = sites_with(by, Permission.ALLOCATION_UNBLIND, study)
    allocated = Allocation.objects.filter(slot__stratum__list__study=study, participant__site__in=sites).select_related(
        "participant__study", "participant__site"
    )
    found = (
        allocated.filter(participant__number__iexact=number).first()
        or allocated.filter(participant__randomization_number__iexact=number).exclude(
            participant__randomization_number="").first()
    )  # fmt: skip
    if found is None:
        msg = f"{typed[:24]} is not on your list."
        raise InvalidInput(
            msg,
            fields={"participant": "This participant is not on your list. Check the number: it looks like that on the "
                                   "participant's card, and only randomized participants of your sites have one."},
        )  # fmt: skip
    return found.participant


def reveal_treatments(
    *, study: Study, participant_id: UUID, reason_code: str, reason: str, password: str, code: str, by: User
) -> UUID:
    """Reveal one participant's treatments in all periods; in a crossover one period gives the others away.

    The announcement is committed before anything is opened. Deviation and notices belong to the request's own
    transaction, which ends before the page that shows the treatment is asked for. Returns whose they are;
    `shown_again` opens them for the page. Here it is only made sure that they can be opened.

    Raises:
        InvalidInput: password or code do not match, or code or text of the reason are missing.
        NotPermitted: the person may not unblind.
        NotFound: the participant is not allocated at the person's sites.
    """
    check(by, Permission.ALLOCATION_UNBLIND, study)
    why = _reason(reason_code, reason, by, study)
    allowed = Participant.objects.filter(study=study, site__in=sites_with(by, Permission.ALLOCATION_UNBLIND, study))
    participant = (
        allowed.select_related("study", "site").exclude(randomization_number="").filter(pk=participant_id).first()
    )
    if participant is None:
        raise NotFound("This participant has not been randomized.")
    signatures.check_password(by, password)
    check_code(by, code)
    unblind_participant(study=study, participant_id=participant_id, by=by, reason_code=why, reason=reason)
    if why is not ReasonCode.DISPENSING:
        tell_of_unblinding(
            participant, reason_words=why.public_words, who=f"Revealed to {by.full_name} at the unblinded door.",
            recorded_by=by, at=clock.now(),
        )  # fmt: skip
    return participant_id


def shown_again(*, study: Study, participant_id: UUID, request_id: str, by: User) -> Revealed:
    """Return what this person revealed in an earlier request, while it is recent; the trail holds that reveal.

    Raises:
        NotPermitted: the person may not unblind.
        NotFound: the trail holds no recent reveal of this participant by this person in that request.
    """
    check(by, Permission.ALLOCATION_UNBLIND, study)
    own = Event.objects.filter(
        name=UNBLINDED, study=study.code, actor=f"user:{by.username}", target=str(participant_id),
        request_id=request_id, at__gte=Now() - SHOWN_FOR,
    ).first()  # fmt: skip
    if own is None:
        raise NotFound("This reveal is no longer shown. Reveal the participant again if it must be known.")
    code = sequence_of(study=study, participant_id=participant_id, by=by)
    participant = Participant.objects.select_related("study", "site").get(pk=participant_id)
    why = ReasonCode(own.data["reason_code"])
    reason = f"{why.words.partition(',')[0]}. {own.data['reason']}"
    return Revealed(participant, code, treatments_of(study, code), own.at, reason, why is ReasonCode.DISPENSING)


def treatments_of(study: Study, code: str) -> tuple[tuple[int, str], ...]:
    """Return what a sequence gives, period by period; the design, which is public."""
    planned = SequencePeriod.objects.filter(sequence__study=study, sequence__code=code)
    return tuple((row.period.number, row.treatment.name) for row in planned.select_related("period", "treatment"))


def _reason(code: str, text: str, by: User, study: Study) -> ReasonCode:
    fields = {}
    if code not in set(reason_codes_for(by, study)):
        fields["reason_code"] = "Choose why it must be known."
    if len(text.strip()) < SHORTEST_REASON:
        fields["reason"] = "Say what happened and who asked."
    if fields:
        raise InvalidInput("Give the reason, as a choice and in your own words.", fields=fields)
    return ReasonCode(code)
