"""The coordinator's rating plan: who can rate what, and how far each rating is; never a score."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from ratings.models import RatingAssignment
from ratings.policies import Knowing, due_window, who_may_know
from ratings.selectors import RELATED, unassigned
from ratings.selectors_worklist import state_of
from sessions.models import AssessmentSchedule, Dose, StudySession
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import people_with, sites_with
from studyportal.errors import NotFound
from studyportal.studies.models import Site, Study

STATE_WORDS = {
    "started": "Under way", "closing": "Closing soon", "open": "Open now", "today": "Within 24 hours",
    "missed": "Window missed", "later": "Later", "undated": "No date yet", "signed": "Signed",
}  # fmt: skip
SHOWN = {"open": "Not signed yet", "signed": "Signed", "all": "All"}


@dataclass(frozen=True, slots=True)
class Gap:
    """An assessment that nobody is assigned to, and who could rate it."""

    session: StudySession
    assessment: AssessmentSchedule
    window: str
    state: str
    possible: list[User]
    refused: list[tuple[User, str]]
    usual: User | None

    @property
    def key(self) -> str:
        """What the form sends: session and assessment."""
        return f"{self.session.pk}:{self.assessment.pk}"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """An assignment as the coordinator sees it."""

    assignment: RatingAssignment
    window: str
    state: str
    words: str
    can_cancel: bool


def gaps_for(viewer: User, study: Study) -> list[Gap]:
    """Return what waits for a rater, by time, with raters whom the firewall refuses and why."""
    waiting = unassigned(viewer, study)
    known = who_may_know({session.pk: session for session, _ in waiting}.values())
    raters = {site.pk: list(people_with(Permission.RATING_ENTER, study, site)) for site in _sites(viewer, study)}
    usual = _usual_raters(study, {session.participant_id for session, _ in waiting})
    now = clock.now()
    return [
        _gap(session, assessment, now=now, known=known, raters=raters, usual=usual) for session, assessment in waiting
    ]


def _gap(
    session: StudySession, assessment: AssessmentSchedule, *, now: datetime.datetime, known: Knowing,
    raters: dict[UUID, list[User]], usual: dict[UUID, UUID],
) -> Gap:  # fmt: skip
    window = due_window(session, assessment)
    knowing = known.get(session.pk, {})
    here = raters[session.participant.site_id]
    possible = [rater for rater in here if rater.pk not in knowing]
    return Gap(
        session=session,
        assessment=assessment,
        window=window.words(now, session.participant.site.time_zone) if window else "no date yet",
        state=window.state(now) if window else "undated",
        possible=possible,
        refused=[(rater, knowing[rater.pk]) for rater in here if rater.pk in knowing],
        usual=next((rater for rater in possible if rater.pk == usual.get(session.participant_id)), None),
    )


def _sites(viewer: User, study: Study) -> list[Site]:
    return list(sites_with(viewer, Permission.RATING_ASSIGN, study))


def _usual_raters(study: Study, participants: set[UUID]) -> dict[UUID, UUID]:
    """Return by participant who rated them last: the same rater across periods is preferred."""
    pairs = (
        RatingAssignment.objects.filter(session__participant__study=study, session__participant__in=participants)
        .exclude(status=RatingAssignment.Status.CANCELLED)
        .order_by("assigned_at")
        .values_list("session__participant_id", "rater_id")
    )
    return dict(pairs)


def gap_for(viewer: User, study: Study, key: str) -> Gap:
    """Return one unassigned assessment by its key.

    Raises:
        NotFound: it does not wait for a rater at the viewer's sites (any more).
    """
    found = next((gap for gap in gaps_for(viewer, study) if gap.key == key), None)
    if found is None:
        raise NotFound("This assessment does not wait for a rater. Reload the plan: somebody may have assigned it.")
    return found


def assignments_planned(viewer: User, study: Study) -> QuerySet[RatingAssignment]:
    """Return the living assignments of the sites that the viewer assigns for."""
    return (
        RatingAssignment.objects.filter(
            session__participant__study=study,
            session__participant__site__in=sites_with(viewer, Permission.RATING_ASSIGN, study),
        )
        .exclude(status=RatingAssignment.Status.CANCELLED)
        .select_related(*RELATED)
        .prefetch_related(Prefetch("session__doses", Dose.objects.select_related("planned")))
        .order_by("session__participant__number", "session__period__number", "assessment__position")
    )


def assignment_planned(viewer: User, study: Study, code: str) -> RatingAssignment:
    """Return one living assignment of the viewer's sites.

    Raises:
        NotFound: there is none of this code at these sites.
    """
    found = assignments_planned(viewer, study).filter(code=code).first()
    if found is None:
        raise NotFound("There is no such assignment at your sites.")
    return found


def plan_rows(viewer: User, study: Study, shown: str) -> list[PlanRow]:
    """Return the assignments with window and state, no score; `shown` is open, signed or all."""
    now = clock.now()
    rows = assignments_planned(viewer, study)
    if shown == "signed":
        rows = rows.filter(status=RatingAssignment.Status.SIGNED)
    elif shown == "open":
        rows = rows.exclude(status=RatingAssignment.Status.SIGNED)
    return [_row(assignment, now) for assignment in rows]


def _row(assignment: RatingAssignment, now: datetime.datetime) -> PlanRow:
    window = due_window(assignment.session, assignment.assessment)
    state = state_of(assignment, window, now)
    zone = assignment.session.participant.site.time_zone
    words = window.words(now, zone) if window and state not in {"signed", "started"} else ""
    can_cancel = assignment.status == RatingAssignment.Status.ASSIGNED
    return PlanRow(assignment, words, state, STATE_WORDS[state], can_cancel)
