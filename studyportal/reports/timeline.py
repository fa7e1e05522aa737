"""The record's timeline: screening, each period and the washouts between, as positions that a template draws.

Nothing here depends on the allocation: the periods are drawn alike, with planned windows and what was really done.
"""

import datetime
from dataclasses import dataclass

from participants.models import Participant
from participants.selectors import screening_of
from ratings.models import Rating
from sessions.models import AssessmentSchedule, Dose, QuantificationRun, StudySession
from sessions.policies import infusion_start, session_window, washout_anchor
from studyportal.reports import words
from studyportal.reports.journeys import Planned, planned_of

HOUR = datetime.timedelta(hours=1)
LANE_PIXELS = 40
MARGIN_HOURS = 3.0
Status = StudySession.Status


@dataclass(frozen=True, slots=True)
class Mark:
    """One step of screening, done or still to come."""

    label: str
    day: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One planned assessment: its window as a bar, and a dot where it was done; positions in percent."""

    label: str
    state: str
    said: str
    y: int
    bar_x: float | None = None
    bar_width: float | None = None
    dot_x: float | None = None

    @property
    def bar_y(self) -> int:
        """Pixels from the top to the bar."""
        return self.y + 22

    @property
    def dot_y(self) -> int:
        """Pixels from the top to the middle of the bar."""
        return self.y + 27


@dataclass(frozen=True, slots=True)
class Stage:
    """One column of the timeline."""

    kind: str
    title: str
    when: str
    state: str
    marks: tuple[Mark, ...] = ()
    lanes: tuple[Lane, ...] = ()
    infusion_x: float | None = None
    infusion_width: float = 0
    share: float = 0

    @property
    def height(self) -> int:
        """Pixels of the drawing."""
        return LANE_PIXELS * len(self.lanes) + 20

    @property
    def foot(self) -> int:
        """Pixels from the top to the foot's text."""
        return self.height - 4


def stages_of(participant: Participant, schedule: list[AssessmentSchedule], now: datetime.datetime) -> list[Stage]:
    """Return the columns of a participant's timeline from prefetched rows."""
    stages = [_screening(participant)]
    sessions = list(participant.sessions.all())
    for position, session in enumerate(sessions):
        session.participant = participant
        if position:
            stages.append(_washout(participant, session, sessions, now))
        stages.append(_period(participant, session, schedule, now))
    return stages


def _screening(participant: Participant) -> Stage:
    zone = participant.site.time_zone
    state = screening_of(participant)
    consents = [consent for consent in participant.consents.all() if consent.withdrawn_on is None]
    eligibility = getattr(participant, "eligibility", None)
    signed_at = eligibility.signed_at if eligibility else None
    marks = (
        Mark("Screened", words.day(participant.screened_at, zone), is_done=True),
        Mark("Consent", _date(max(c.signed_on for c in consents)) if consents else "", state.has_consent),
        Mark("Eligibility signed", words.day(signed_at, zone) if signed_at else "", state.is_signed),
        Mark(
            "Randomized",
            words.day(participant.randomized_at, zone) if participant.randomized_at else "",
            participant.randomized_at is not None,
        ),
    )
    is_over = participant.status != Participant.Status.SCREENING
    return Stage("screening", "Screening", "", "done" if is_over else "now", marks=marks)


def _date(day: datetime.date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _washout(
    participant: Participant, session: StudySession, sessions: list[StudySession], now: datetime.datetime
) -> Stage:
    zone, needed = participant.site.time_zone, session.period.washout_days
    window = session_window(session, sessions)
    title = f"Washout {needed} d"
    if window.anchor is None or window.opens_at is None:
        return Stage("washout", title, "begins with the infusion", "later")
    start = washout_anchor(session)
    until = start if start is not None and session.started_at else min(now, window.opens_at)
    share = max(0.0, min(1.0, (until - window.anchor) / (window.opens_at - window.anchor or HOUR)))
    if session.started_at is not None and start is not None:
        return Stage("washout", title, f"kept: {words.days((start - window.anchor).days)}", "done", share=100)
    if window.opens_at > now:
        return Stage("washout", title, f"until {words.day(window.opens_at, zone)}", "now", share=round(share * 100, 1))
    return Stage("washout", title, f"over since {words.day(window.opens_at, zone)}", "done", share=100)


def _period(
    participant: Participant, session: StudySession, schedule: list[AssessmentSchedule], now: datetime.datetime
) -> Stage:
    zone = participant.site.time_zone
    title = f"Period {session.period.number}"
    if session.status == Status.MISSED:
        return Stage("period", title, "Missed", "missed")
    infusion = infusion_start(session)
    anchor = infusion or session.planned_at
    moment = session.started_at or session.planned_at
    said = "Not planned yet" if moment is None else words.day_and_time(moment, zone)
    if moment is not None and session.started_at is None:
        said = f"Planned {said}"
    state = {Status.COMPLETED: "done", Status.IN_PROGRESS: "now"}.get(Status(session.status), "later")
    scale = _Scale.of(schedule, anchor)
    lanes = tuple(_lane(planned, index, scale, now) for index, planned in enumerate(planned_of(session, schedule)))
    width = 0.0
    if infusion is not None:
        minutes = next((_minutes(d) for d in session.doses.all() if d.planned.kind == "infusion"), 0)
        width = max(scale.width(minutes / 60), 0.8)
    x = scale.at(infusion) if infusion is not None else None
    return Stage("period", title, said, state, lanes=lanes, infusion_x=x, infusion_width=width)


def _minutes(dose: Dose) -> float:
    """Return the planned length of a dose; the actual one is not drawn, since it could tell the treatments apart."""
    return float(dose.planned.duration_minutes)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From hours around the infusion to percent of a period's column."""

    anchor: datetime.datetime | None
    first: float
    last: float

    @classmethod
    def of(cls, schedule: list[AssessmentSchedule], anchor: datetime.datetime | None) -> "_Scale":
        firsts = [a.offset_hours - a.window_before_hours for a in schedule] or [0.0]
        lasts = [a.offset_hours + a.window_after_hours for a in schedule] or [24.0]
        return cls(anchor, min(firsts) - MARGIN_HOURS, max(lasts) + MARGIN_HOURS)

    def at(self, moment: datetime.datetime | None) -> float | None:
        if self.anchor is None or moment is None:
            return None
        hours = (moment - self.anchor) / HOUR
        return round(max(1.0, min(99.0, 100 * (hours - self.first) / (self.last - self.first))), 2)

    def width(self, hours: float) -> float:
        return round(100 * hours / (self.last - self.first), 2)


def _lane(planned: Planned, index: int, scale: _Scale, now: datetime.datetime) -> Lane:
    y = LANE_PIXELS * index
    state, said = standing(planned, now)
    if planned.window is None:
        return Lane(planned.assessment.label, state, said, y)
    opens_at, closes_at = planned.window
    left, right = scale.at(opens_at) or 0.0, scale.at(closes_at) or 0.0
    middle = scale.at(planned.actual_at) if planned.actual_at else round((left + right) / 2, 2)
    return Lane(planned.assessment.label, state, said, y, left, round(right - left, 2), middle)


def standing(planned: Planned, now: datetime.datetime) -> tuple[str, str]:
    """Return what became of a planned assessment as a state (`done`, `now`, `later`, `missed`) and in a word or two."""
    if planned.is_done:
        return ("done", "signed") if planned.is_rating else _scan_standing(planned)
    if planned.is_late(now):
        return "missed", "window closed" if planned.is_rating else "no spectrum"
    rating = getattr(planned.assignment, "rating", None)
    if isinstance(rating, Rating):
        return "now", "being signed again" if rating.status == Rating.Status.CORRECTING else "started"
    if planned.is_rating and planned.assignment is None:
        return "later", "no rater yet"
    return "later", "assigned" if planned.is_rating else "to come"


def _scan_standing(planned: Planned) -> tuple[str, str]:
    run = planned.latest_run
    if run is None:
        return "done", "uploaded"
    if run.state == QuantificationRun.State.CANCELLED:
        return "missed", "fit cancelled"
    if run.state == QuantificationRun.State.DONE:
        return "done", "fitted"
    if run.state == QuantificationRun.State.FAILED:
        return "missed", "fit failed"
    return "now", run.get_state_display().lower()
