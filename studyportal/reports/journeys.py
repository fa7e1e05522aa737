"""A participant's way through the three apps, read in a fixed number of queries however many participants there are."""

import datetime
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from participants.models import Participant
from participants.selectors import participants_for, screening_of
from ratings.models import RatingAssignment
from ratings.policies import due_window
from sessions.models import AssessmentSchedule, Dose, QuantificationRun, Spectrum, StudySession
from sessions.policies import Window, session_window
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.studies.models import Study

Status = StudySession.Status


def journeys_for(viewer: User, study: Study) -> QuerySet[Participant]:
    """Participants that the viewer may see, with consent, eligibility, sessions, doses, ratings and spectra at hand."""
    runs = QuantificationRun.objects.exclude(protocol__is_exploratory=True).order_by("ordinal")
    runs = runs.prefetch_related("reviews")
    spectra = (
        Spectrum.objects.filter(kind="metabolite")
        .exclude(status=Spectrum.Status.WITHDRAWN)
        .prefetch_related(Prefetch("runs", runs))
    )
    assignments = (
        RatingAssignment.objects.exclude(status=RatingAssignment.Status.CANCELLED)
        .select_related("assessment", "rater", "rating")
        .order_by("assessment__position")
    )
    sessions = (
        StudySession.objects.select_related("period", "conducted_by")
        .prefetch_related(
            Prefetch("doses", Dose.objects.select_related("planned", "given_by")),
            Prefetch("assignments", assignments),
            Prefetch("spectra", spectra),
        )
        .order_by("period__number")
    )
    return (
        participants_for(viewer, study)
        .select_related("eligibility", "randomized_by", "paper_randomization", "randomized_in_error")
        .prefetch_related("consents", "stratum_corrections", Prefetch("sessions", sessions))
    )


def waiting_journeys(viewer: User, study: Study, *, with_fits: bool) -> QuerySet[Participant]:
    """Participants that the viewer may see, with no more at hand than says what waits; `with_fits`: the fits too.

    A study has hundreds of doses and ratings but few planned ones, raters and sites: what is shared is fetched once.
    """
    spectra = (
        Spectrum.objects.filter(kind="metabolite")
        .exclude(status=Spectrum.Status.WITHDRAWN)
        .only("session_id", "ordinal")
    )
    if with_fits:
        runs = QuantificationRun.objects.exclude(protocol__is_exploratory=True).order_by("ordinal")
        runs = runs.only("spectrum_id", "state", "finished_at", "queued_at").prefetch_related("reviews")
        spectra = spectra.prefetch_related(Prefetch("runs", runs))
    assignments = RatingAssignment.objects.exclude(status=RatingAssignment.Status.CANCELLED)
    infusions = Dose.objects.filter(planned__kind="infusion").only("session_id", "planned_id", "started_at")
    sessions = StudySession.objects.prefetch_related(
        "period",
        Prefetch("doses", infusions.prefetch_related("planned")),
        Prefetch(
            "assignments",
            assignments.only("session_id", "assessment_id", "status", "rater_id").prefetch_related("rater"),
        ),
        Prefetch("spectra", spectra),
    ).order_by("period__number")
    return _light(viewer, study).prefetch_related(Prefetch("sessions", sessions))


def listed_journeys(
    viewer: User, study: Study, *, search: str = "", status: str = "", site: str = ""
) -> QuerySet[Participant]:
    """Participants whose number holds the search text, of one status or site where given, with what comes next."""
    sessions = StudySession.objects.prefetch_related("period").order_by("period__number")
    found = _light(viewer, study).prefetch_related(Prefetch("sessions", sessions))
    found = found.filter(number__icontains=search.strip())
    if status:
        found = found.filter(status=status)
    return found.filter(site__code=site) if site else found


def _light(viewer: User, study: Study) -> QuerySet[Participant]:
    found = participants_for(viewer, study).select_related(None).select_related("eligibility")
    return found.prefetch_related("site", "consents")


def schedule_of(study: Study) -> list[AssessmentSchedule]:
    """Return the planned assessments of every session, in protocol order."""
    return list(AssessmentSchedule.objects.filter(study=study))


@dataclass(frozen=True, slots=True)
class Planned:
    """One planned assessment of one session: its window and what became of it."""

    session: StudySession
    assessment: AssessmentSchedule
    window: tuple[datetime.datetime, datetime.datetime] | None
    assignment: RatingAssignment | None = None
    spectra: tuple[Spectrum, ...] = ()

    @property
    def is_rating(self) -> bool:
        """Whether a rater fills it in; otherwise it is a scan."""
        return self.assessment.instrument != "MRS"

    @property
    def actual_at(self) -> datetime.datetime | None:
        """When it was really done: the interview's start, or the first spectrum's session."""
        if self.is_rating:
            rating = getattr(self.assignment, "rating", None)
            return rating.started_at if rating else None
        return _scan_time(self.session) if self.spectra else None

    @property
    def is_done(self) -> bool:
        """Whether its data are in."""
        if self.is_rating:
            return self.assignment is not None and self.assignment.status == RatingAssignment.Status.SIGNED
        return bool(self.spectra)

    def is_late(self, now: datetime.datetime) -> bool:
        """Whether its window closed without data."""
        return not self.is_done and self.window is not None and self.window[1] < now

    @property
    def latest_run(self) -> QuantificationRun | None:
        """The last quantification of the last spectrum."""
        runs = [run for spectrum in self.spectra for run in spectrum.runs.all()]
        return runs[-1] if runs else None


def planned_of(session: StudySession, schedule: list[AssessmentSchedule]) -> list[Planned]:
    """Return every planned assessment of a session; none of a missed one."""
    if session.status == Status.MISSED:
        return []
    assignments = {assignment.assessment_id: assignment for assignment in session.assignments.all()}
    spectra = tuple(session.spectra.all())
    return [
        Planned(
            session=session, assessment=assessment, window=due_window(session, assessment),
            assignment=assignments.get(assessment.pk), spectra=spectra if assessment.instrument == "MRS" else (),
        )
        for assessment in schedule
    ]  # fmt: skip


def window_of(participant: Participant, session: StudySession) -> Window:
    """Return when a session may begin, from prefetched rows."""
    session.participant = participant
    return session_window(session, participant.sessions.all())


def open_session(participant: Participant) -> StudySession | None:
    """Return the session that comes next or is going on."""
    return next((s for s in participant.sessions.all() if s.status in {Status.PLANNED, Status.IN_PROGRESS}), None)


def next_step(participant: Participant) -> str:
    """Return in a few words what comes next for a participant; empty when nothing does."""
    if participant.status == Participant.Status.SCREENING:
        return screening_of(participant).next_step
    if participant.status != Participant.Status.RANDOMIZED:
        return ""
    session = open_session(participant)
    if session is None:
        return "A session was missed: record the withdrawal"
    name = f"session {session.period.number}"
    if session.status == Status.IN_PROGRESS:
        return f"Complete {name}"
    if session.planned_at is None:
        return f"Plan {name}"
    day = clock.local(session.planned_at, participant.site.time_zone)
    return f"Hold {name}, planned {day.day} {day:%b %Y}"


def _scan_time(session: StudySession) -> datetime.datetime | None:
    infusion = next((dose for dose in session.doses.all() if dose.planned.kind == "infusion"), None)
    return infusion.started_at if infusion else session.started_at
