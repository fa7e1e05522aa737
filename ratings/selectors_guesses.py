"""Who is still to be asked what was given, always for somebody; a guess itself is shown to nobody at this door."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from ratings.models import RatingAssignment, TreatmentGuess
from sessions.models import StudySession, Treatment
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check_role, sites_with
from studyportal.errors import NotFound
from studyportal.studies.models import Study

LIVING = (RatingAssignment.Status.ASSIGNED, RatingAssignment.Status.STARTED)


@dataclass(frozen=True, slots=True)
class GuessLine:
    """One session about which somebody is asked; `code` is the rater's own work item, by which a rater's page goes."""

    session: StudySession
    is_answered: bool
    code: str = ""


def options_of(study: Study) -> list[Treatment]:
    """Return what may be guessed, always in the order of the codes; the design is public."""
    return list(Treatment.objects.filter(study=study).order_by("code"))


def rater_lines(rater: User, study: Study) -> list[GuessLine]:
    """Return the sessions all of whose interviews by this rater are signed, the unanswered ones first.

    Raises:
        NotPermitted: the role does not include rating.
    """
    check_role(rater, Permission.RATING_ENTER, study)
    own = RatingAssignment.objects.filter(rater=rater, session__participant__study=study)
    open_ones = own.filter(status__in=LIVING, session=OuterRef("session"))
    asked = TreatmentGuess.objects.filter(session=OuterRef("session"), guesser="rater", entered_by=rater)
    found = (
        own.filter(status=RatingAssignment.Status.SIGNED)
        .exclude(Exists(open_ones))
        .annotate(is_answered=Exists(asked))
        .select_related("session__participant__study", "session__participant__site", "session__period")
        .order_by("session__participant__number", "session__period__number", "assigned_at", "code")
    )
    lines: dict[object, GuessLine] = {}
    for one in found:
        lines.setdefault(one.session_id, GuessLine(one.session, one.is_answered, one.code))
    return sorted(lines.values(), key=lambda line: line.is_answered)


def rater_line(rater: User, study: Study, code: str) -> GuessLine:
    """Return one of `rater_lines` by its code.

    Raises:
        NotFound: there is none; the interviews are not signed yet, or they are somebody else's.
    """
    found = next((line for line in rater_lines(rater, study) if line.code == code), None)
    if found is None:
        raise NotFound("There is nothing to guess here. Sign your interviews of this session first.")
    return found


def participant_lines(viewer: User, study: Study) -> list[GuessLine]:
    """Return the sessions of the viewer's sites whose interviews are all signed, the unanswered ones first."""
    asked = TreatmentGuess.objects.filter(session=OuterRef("pk"), guesser="participant")
    found = askable(study).filter(participant__site__in=sites_with(viewer, Permission.GUESS_RECORD, study))
    found = found.annotate(is_answered=Exists(asked)).order_by("participant__number", "period__number")
    return sorted((GuessLine(one, one.is_answered) for one in found), key=lambda line: line.is_answered)


def participant_line(viewer: User, study: Study, number: str, period: int) -> GuessLine:
    """Return one of `participant_lines` by participant and period.

    Raises:
        NotFound: there is none.
    """
    for line in participant_lines(viewer, study):
        if (line.session.participant.number, line.session.period.number) == (number, period):
            return line
    raise NotFound("There is nothing to ask here. Every interview of the session must be signed first.")


def askable(study: Study) -> QuerySet[StudySession]:
    """Return completed sessions without an open interview: asked earlier, a guess could colour a rating."""
    open_ones = RatingAssignment.objects.filter(session=OuterRef("pk"), status__in=LIVING)
    return (
        StudySession.objects.filter(participant__study=study, status=StudySession.Status.COMPLETED)
        .exclude(Exists(open_ones))
        .select_related("participant__study", "participant__site", "period")
    )
