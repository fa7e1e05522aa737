"""What a participant's record shows and to whom, from one read of the journey."""

from dataclasses import dataclass

from participants.models import Participant
from participants.selectors import screening_of
from sessions.models import ProtocolDeviation, StudySession
from sessions.models.deviation import UNBLINDING
from sessions.policies import Window
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import permissions_by_site
from studyportal.errors import NotFound
from studyportal.reports.journeys import (
    Planned,
    journeys_for,
    next_step,
    open_session,
    planned_of,
    schedule_of,
    window_of,
)
from studyportal.reports.timeline import Stage, stages_of, standing
from studyportal.studies.models import Study

P = Permission
SESSION_STATES = {"planned": "grey", "in_progress": "blue", "completed": "green", "missed": "red"}


@dataclass(frozen=True, slots=True)
class AssessmentLine:
    """One assessment in a session's card."""

    planned: Planned
    state: str
    said: str


@dataclass(frozen=True, slots=True)
class SessionCard:
    """One session as the record shows it."""

    session: StudySession
    window: Window
    lines: list[AssessmentLine]
    adverse_events: int
    deviations: int
    colour: str


@dataclass(frozen=True, slots=True)
class Action:
    """A button of the record."""

    label: str
    name: str
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Everything on the page."""

    participant: Participant
    may: frozenset[Permission]
    stages: list[Stage]
    cards: list[SessionCard]
    deviations: list[ProtocolDeviation]
    next_step: str
    next_session: StudySession | None
    actions: list[Action]
    sees_safety: bool


def record_for(viewer: User, study: Study, number: str) -> Record:
    """Return a participant's record.

    Raises:
        NotFound: there is none of this number at the viewer's sites.
    """
    participant = journeys_for(viewer, study).filter(number=number).first()
    if participant is None:
        msg = f"There is no participant {number[:12]} at your sites."
        raise NotFound(msg)
    may = permissions_by_site(viewer, study)[participant.site_id]
    schedule = [a for a in schedule_of(study) if a.instrument == "MRS" or P.RATING_STATUS_VIEW in may]
    deviations = list(
        participant.deviations.select_related("session__period", "recorded_by").exclude(
            code="" if P.UNBLINDING_NOTICE_VIEW in may else UNBLINDING
        )
    )
    sees_safety = bool({P.SAFETY_VIEW, P.SAFETY_RECORD} & may)
    counts = _event_counts(participant) if sees_safety else {}
    now = clock.now()
    cards = [
        SessionCard(
            session=session, window=window_of(participant, session),
            lines=[AssessmentLine(p, *standing(p, now)) for p in planned_of(session, schedule)],
            adverse_events=counts.get(session.pk, 0),
            deviations=sum(d.session_id == session.pk for d in deviations),
            colour=SESSION_STATES[session.status],
        )
        for session in participant.sessions.all()
    ]  # fmt: skip
    return Record(
        participant=participant, may=may, stages=stages_of(participant, schedule, now), cards=cards,
        deviations=deviations, next_step=next_step(participant), next_session=_next_session(participant),
        actions=actions_for(participant, may), sees_safety=sees_safety,
    )  # fmt: skip


def _next_session(participant: Participant) -> StudySession | None:
    return open_session(participant) if participant.status == Participant.Status.RANDOMIZED else None


def _event_counts(participant: Participant) -> dict[object, int]:
    counts: dict[object, int] = {}
    sessions = StudySession.objects.filter(participant=participant, adverse_events__isnull=False)
    for pk in sessions.values_list("pk", flat=True):
        counts[pk] = counts.get(pk, 0) + 1
    return counts


def actions_for(participant: Participant, may: frozenset[Permission]) -> list[Action]:
    """Return the buttons for what this person may do with this participant now, the main one first."""
    actions = []
    if participant.status == Participant.Status.SCREENING:
        actions += _screening_actions(participant, may)
    is_in = participant.status in {Participant.Status.SCREENING, Participant.Status.RANDOMIZED}
    if is_in and P.CONSENT_RECORD in may and screening_of(participant).has_consent:
        actions.append(Action("Record a new consent", "consent"))
    if P.IDENTITY_VIEW in may:
        actions.append(Action("Show identity", "identity"))
    if P.ALLOCATION_REQUEST in may and participant.status == Participant.Status.SCREENING:
        actions.append(Action("Enter a number given on paper", "paper-randomization"))
    if P.ALLOCATION_CORRECT in may:
        actions.append(Action("Correct the strata", "strata"))
        if participant.randomization_number and not hasattr(participant, "randomized_in_error"):
            actions.append(Action("Randomized in error", "randomized-in-error"))
    if is_in and P.PARTICIPANT_WITHDRAW in may:
        if screening_of(participant).has_consent:
            actions.append(Action("Withdraw consent", "consent-withdrawal"))
        if participant.status == Participant.Status.SCREENING:
            actions.append(Action("End screening", "screen-failure"))
        else:
            actions.append(Action("Withdraw from study", "withdraw"))
    return actions


def _screening_actions(participant: Participant, may: frozenset[Permission]) -> list[Action]:
    state = screening_of(participant)
    offered = (
        (P.CONSENT_RECORD, not state.has_consent, Action("Record consent", "consent", is_main=True)),
        (P.ELIGIBILITY_RECORD, not state.is_answered, Action("Answer eligibility", "eligibility", is_main=True)),
        (P.ELIGIBILITY_RECORD, state.is_answered and not state.is_signed, Action("Change answers", "eligibility")),
        (
            P.ELIGIBILITY_SIGN, state.is_answered and not state.is_signed,
            Action("Sign eligibility", "eligibility-sign", is_main=True),
        ),
        (
            P.ALLOCATION_REQUEST, state.has_consent and state.is_eligible and state.is_signed,
            Action("Randomize", "randomize", is_main=True),
        ),
    )  # fmt: skip
    return [action for permission, applies, action in offered if applies and permission in may]
