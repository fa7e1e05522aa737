"""Reads of ratings, always for somebody. Raters see their own work and never a total."""

from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet

from participants.models import Participant
from ratings import scoring
from ratings.answers import BLANK, Answer
from ratings.models import InstrumentPack, ItemScore, Rating, RatingAssignment, SafetyAlert
from ratings.policies import who_may_know
from sessions.models import AssessmentSchedule, Dose, StudySession
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, check_role, people_with, sites_with
from studyportal.errors import InvalidState, NotFound
from studyportal.studies.models import Study

RELATED = (
    "session__participant__study",
    "session__participant__site",
    "session__period",
    "assessment",
    "rater",
    "rating__pack",
)


def assignments_of(rater: User, study: Study) -> QuerySet[RatingAssignment]:
    """Return the rater's own work items, the open ones first."""
    return (
        RatingAssignment.objects.filter(rater=rater, session__participant__study=study)
        .exclude(status=RatingAssignment.Status.CANCELLED)
        .select_related(*RELATED)
        .prefetch_related(Prefetch("session__doses", Dose.objects.select_related("planned")))
        .order_by("assigned_at")
    )


def assignment_of(rater: User, study: Study, code: str) -> RatingAssignment:
    """Return one work item of the rater.

    Raises:
        NotFound: there is none of this code, or it is somebody else's.
    """
    check_role(rater, Permission.RATING_ENTER, study)
    found = assignments_of(rater, study).filter(code=code).first()
    if found is None:
        raise NotFound("This rating is not on your list. Ask the coordinator who it is assigned to.")
    return found


def rating_of(assignment: RatingAssignment) -> Rating:
    """Return the rating of a work item with all that its page shows.

    Raises:
        InvalidState: the interview has not begun.
    """
    found = (
        Rating.objects.select_related(
            "pack", "rater", "signature", "assignment__session__participant__study",
            "assignment__session__participant__site",
        )
        .prefetch_related("scores")
        .filter(assignment=assignment)
        .first()
    )  # fmt: skip
    if found is None:
        raise InvalidState("The interview has not begun. Start it from your list.")
    return found


def answers_of(rating: Rating) -> dict[int, Answer]:
    """Return the answers of all ten items; those never touched are blank."""
    return dict.fromkeys(scoring.ITEMS, BLANK) | {score.item: score.answer for score in rating.scores.all()}


def has_alert(rating: Rating) -> bool:
    """Return whether item 10 ever reached the protocol's threshold."""
    return SafetyAlert.objects.filter(rating=rating).exists()


def scores_of(rating: Rating) -> dict[int, ItemScore]:
    """Return the answers by item number; items never touched are absent."""
    return {score.item: score for score in rating.scores.all()}


def total_of(rating: Rating) -> int | None:
    """Return the server's total, None when an item is missing."""
    return scoring.total({score.item: score.value for score in rating.scores.all()})


def ratings_for(viewer: User, study: Study) -> QuerySet[Rating]:
    """Signed ratings of the sites where the viewer may see scores, in the order of participant, period and time."""
    return (
        Rating.objects.filter(
            status=Rating.Status.SIGNED,
            assignment__session__participant__study=study,
            assignment__session__participant__site__in=sites_with(viewer, Permission.RATING_SCORE_VIEW, study),
        )
        .select_related(
            "assignment__session__participant__site", "assignment__session__period", "assignment__assessment", "rater"
        )
        .prefetch_related("scores", Prefetch("assignment__session__doses", Dose.objects.select_related("planned")))
        .order_by(
            "assignment__session__participant__number",
            "assignment__session__period__number",
            "assignment__assessment__position",
        )
    )


def assignments_for(viewer: User, participant: Participant) -> QuerySet[RatingAssignment]:
    """Return a participant's rating work items as coordinators see them: who, when, state, no score."""
    check(viewer, Permission.RATING_STATUS_VIEW, participant.study, participant.site)
    return (
        RatingAssignment.objects.filter(session__participant=participant)
        .exclude(status=RatingAssignment.Status.CANCELLED)
        .select_related(*RELATED)
        .order_by("session__period__number", "assessment__position")
    )


def unassigned(viewer: User, study: Study) -> list[tuple[StudySession, AssessmentSchedule]]:
    """Return MADRS assessments of begun or planned sessions that nobody is assigned to."""
    living = RatingAssignment.objects.filter(session=OuterRef("pk")).exclude(status=RatingAssignment.Status.CANCELLED)
    gaps = []
    for assessment in AssessmentSchedule.objects.filter(study=study, instrument="MADRS"):
        waiting = (
            StudySession.objects.filter(
                participant__study=study,
                participant__site__in=sites_with(viewer, Permission.RATING_ASSIGN, study),
                planned_at__isnull=False,
            )
            .exclude(status=StudySession.Status.MISSED)
            .exclude(participant__status=Participant.Status.WITHDRAWN)
            .exclude(Exists(living.filter(assessment=assessment)))
            .select_related("participant__site", "period")
            .prefetch_related(Prefetch("doses", Dose.objects.select_related("planned")))
        )
        gaps += [(session, assessment) for session in waiting]
    return sorted(gaps, key=lambda gap: (gap[0].planned_at, gap[0].participant.number, gap[1].position))


def possible_raters(session: StudySession) -> list[User]:
    """Return who may rate this session: raters of the site whom the firewall does not refuse."""
    participant = session.participant
    knowing = who_may_know([session]).get(session.pk, {})
    candidates = people_with(Permission.RATING_ENTER, participant.study, participant.site)
    return [rater for rater in candidates if rater.pk not in knowing]


def alerts_for(viewer: User, study: Study) -> QuerySet[SafetyAlert]:
    """Return the safety alerts of the viewer's sites, the unacknowledged ones first."""
    return (
        SafetyAlert.objects.filter(
            rating__assignment__session__participant__site__in=sites_with(viewer, Permission.SAFETY_ACKNOWLEDGE, study)
        )
        .select_related(
            "rating__assignment__session__participant__site",
            "rating__assignment__session__period",
            "rating__assignment__assessment",
            "rating__rater",
            "acknowledged_by",
        )
        .order_by(F("acknowledged_at").desc(nulls_first=True), "raised_at")
    )


def alert_for(viewer: User, study: Study, alert_id: UUID) -> SafetyAlert:
    """Return one safety alert.

    Raises:
        NotFound: there is none of this id at the viewer's sites.
    """
    found = alerts_for(viewer, study).filter(pk=alert_id).first()
    if found is None:
        raise NotFound("There is no such safety alert at your sites.")
    return found


def open_alerts(viewer: User, study: Study) -> QuerySet[SafetyAlert]:
    """Return safety alerts that no investigator has acknowledged, for those who may see them."""
    return alerts_for(viewer, study).filter(acknowledged_at__isnull=True)


def active_pack(study: Study, instrument: str) -> InstrumentPack:
    """Return the wording in force.

    Raises:
        NotFound: no pack was loaded for this instrument.
    """
    pack = InstrumentPack.objects.filter(study=study, instrument=instrument, is_active=True).first()
    if pack is None:
        msg = f"No {instrument} instrument pack is loaded. Ask the administrator to load one."
        raise NotFound(msg)
    return pack
