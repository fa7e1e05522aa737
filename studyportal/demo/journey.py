"""A participant's way through the demo study, as acts at moments; each is done by the person who would do it."""

import datetime
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from participants.models import Participant
from participants.services.consent import record_consent
from participants.services.eligibility import record_eligibility, sign_eligibility
from participants.services.screening import Person, screen
from participants.services.withdrawal import withdraw
from ratings.models import RatingAssignment, SafetyAlert
from ratings.services import alerts, drafts, signing
from ratings.services.assignment import assign
from sessions.models import AdverseEvent, AssessmentSchedule, StudySession
from sessions.services import conduct
from sessions.services.randomization import randomize
from sessions.services.safety import report_adverse_event
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from studyportal.demo.design import CRITERIA
from studyportal.demo.outcomes import Outcome
from studyportal.demo.plan import DAY, SCREENING_DAYS_BEFORE, Plan, Stop
from studyportal.studies.models import Study

ANSWERS = {code: kind == "inclusion" for code, kind, _ in CRITERIA}
SESSION_START = {1: datetime.time(9, 0), 2: datetime.time(11, 0)}
MINUTE = datetime.timedelta(minutes=1)
SEVERITY = (AdverseEvent.Severity.MILD, AdverseEvent.Severity.MODERATE)
ALERT_ACTION = "SYNTHETIC: spoke with the participant and the treating clinician; safety plan reviewed."


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that one person does at one moment."""

    at: datetime.datetime
    by: User
    do: Callable[[], object]


def perform(acts: Iterable[Act], *, until: datetime.datetime) -> int:
    """Do all acts up to a moment in the order of their moments; return how many were done."""
    done = 0
    for act in sorted(acts, key=lambda act: act.at):
        if act.at <= until:
            with clock.at(act.at), acting(f"user:{act.by.username}"):
                act.do()
            done += 1
    return done


def moment(day: datetime.date, hour: int, minute: int = 0) -> datetime.datetime:
    """Return a moment of a day, in UTC."""
    return datetime.datetime.combine(day, datetime.time(hour, minute), datetime.UTC)


class Cast:
    """The study with its people, its password and the participants by their plan's position."""

    def __init__(self, study: Study, people: dict[str, User], password: str) -> None:
        self.study, self.people, self.password = study, people, password
        self.sites = {site.code: site for site in study.sites.all()}
        self.assessments = {
            (row.instrument, row.timepoint): row for row in AssessmentSchedule.objects.filter(study=study)
        }
        self.participants: dict[int, Participant] = {}

    def __getitem__(self, username: str) -> User:
        """Return a person."""
        return self.people[username]

    def participant(self, plan: Plan) -> Participant:
        """Return the plan's participant as the database has it now."""
        return Participant.objects.select_related("study", "site").get(pk=self.participants[plan.person.position].pk)

    def session(self, plan: Plan, period: int) -> StudySession:
        """Return one of the plan's sessions."""
        return StudySession.objects.select_related("participant__study", "participant__site", "period").get(
            participant=self.participants[plan.person.position], period__number=period
        )

    def rater(self, plan: Plan) -> User:
        """Return the rater who sees this participant every time."""
        return self.people["rater" if plan.person.position % 2 else "rater2"]


def enrolment(cast: Cast, plan: Plan) -> Iterator[Act]:
    """Yield the acts from screening to randomization and the first appointment."""
    came = plan.first_on - SCREENING_DAYS_BEFORE * DAY
    coordinator, investigator = cast["coordinator"], cast["investigator"]
    yield Act(moment(came, 10), coordinator, lambda: _screen(cast, plan, came))
    yield Act(
        moment(came, 10, 30), coordinator,
        lambda: record_consent(
            participant=cast.participant(plan), form_version="2.1", signed_on=came, by=coordinator
        ),
    )  # fmt: skip
    if plan.stop is Stop.WITHDRAWN:
        yield Act(
            moment(came + DAY, 12), coordinator,
            lambda: withdraw(
                participant=cast.participant(plan), reason="participant", note="Moved to another town.",
                withdrawn_on=came + DAY, by=coordinator,
            ),
        )  # fmt: skip
        return
    yield Act(
        moment(came + DAY, 11), coordinator,
        lambda: record_eligibility(participant=cast.participant(plan), answers=ANSWERS, by=coordinator),
    )  # fmt: skip
    yield Act(
        moment(came + 2 * DAY, 9), investigator,
        lambda: sign_eligibility(participant=cast.participant(plan), by=investigator, password=cast.password),
    )  # fmt: skip
    if plan.stop is Stop.NOT_RANDOMIZED:
        return
    yield Act(
        moment(came + 4 * DAY, 14), coordinator,
        lambda: randomize(
            participant=cast.participant(plan), request_id=uuid.uuid4(), password=cast.password, by=coordinator
        ),
    )  # fmt: skip
    yield Act(moment(came + 4 * DAY, 14, 10), coordinator, lambda: _schedule(cast, plan, 1, plan.first_on))


def sessions(cast: Cast, plan: Plan, outcomes: list[Outcome]) -> Iterator[Act]:
    """Yield the acts of both sessions with their ratings."""
    first, second = outcomes
    yield from _held(cast, plan, first, plan.first_on)
    yield Act(moment(plan.first_on + DAY, 15), cast["coordinator"], lambda: _schedule(cast, plan, 2, plan.second_on))
    yield from _held(cast, plan, second, plan.second_on)


def _screen(cast: Cast, plan: Plan, came: datetime.date) -> None:
    person = Person(
        full_name=f"Synthetic Person {plan.person.position:02d}",
        born_on=datetime.date(came.year - plan.person.age, 1, 15),
        contact=f"person{plan.person.position:02d}@demo.invalid",
    )
    cast.participants[plan.person.position] = screen(
        study=cast.study, site=cast.sites[plan.site], sex=plan.sex, person=person, by=cast["coordinator"]
    )


def _schedule(cast: Cast, plan: Plan, period: int, day: datetime.date) -> None:
    start = datetime.datetime.combine(day, SESSION_START[period], datetime.UTC)
    conduct.schedule(session=cast.session(plan, period), planned_at=start, by=cast["coordinator"])


def _held(cast: Cast, plan: Plan, outcome: Outcome, day: datetime.date) -> Iterator[Act]:
    period, coordinator = outcome.period, cast["coordinator"]
    start = datetime.datetime.combine(day, SESSION_START[period], datetime.UTC)
    infusion = start + 105 * MINUTE
    late = 330 * MINUTE if period in plan.late_ratings else 0 * MINUTE
    after = infusion + DAY - 30 * MINUTE + late

    def session() -> StudySession:
        return cast.session(plan, period)

    yield Act(start - DAY, coordinator, lambda: _assign(cast, plan, period))
    if plan.stop is Stop.SECOND_MISSED and period == 2:
        return
    yield from _rated(cast, plan, period, "pre_dose", outcome.madrs_before, begins=start - 40 * MINUTE)
    yield Act(start + MINUTE, coordinator, lambda: conduct.start(session=session(), started_at=start, by=coordinator))
    yield from _give(session, infusion, coordinator)
    for order, term in enumerate(outcome.adverse_events):
        reported = infusion + (45 + order) * MINUTE
        yield Act(reported, coordinator, partial(_report, session, term, order, infusion, coordinator))
    ended = start + 270 * MINUTE
    yield Act(ended, coordinator, lambda: conduct.complete(session=session(), completed_at=ended, by=coordinator))
    yield from _rated(cast, plan, period, "day_1", outcome.madrs_after, begins=after)


def _assign(cast: Cast, plan: Plan, period: int) -> None:
    for timepoint in ("pre_dose", "day_1"):
        assign(
            session=cast.session(plan, period), assessment=cast.assessments["MADRS", timepoint],
            rater=cast.rater(plan), by=cast["coordinator"],
        )  # fmt: skip


def _give(session: Callable[[], StudySession], infusion: datetime.datetime, by: User) -> Iterator[Act]:
    capsule = infusion - 45 * MINUTE
    ended = infusion + 40 * MINUTE
    yield Act(
        capsule + MINUTE, by,
        lambda: conduct.record_dose(
            session=session(), kind="pretreatment", started_at=capsule, ended_at=None, by=by
        ),
    )  # fmt: skip
    yield Act(
        ended + MINUTE, by,
        lambda: conduct.record_dose(session=session(), kind="infusion", started_at=infusion, ended_at=ended, by=by),
    )  # fmt: skip


def _report(session: Callable[[], StudySession], term: str, order: int, infusion: datetime.datetime, by: User) -> None:
    report_adverse_event(
        session=session(), term=term, severity=SEVERITY[order % 2], is_serious=False,
        started_at=infusion + (15 + 5 * order) * MINUTE, by=by,
    )  # fmt: skip


def _rated(
    cast: Cast,
    plan: Plan,
    period: int,
    timepoint: str,
    items: tuple[int, ...],
    *,
    begins: datetime.datetime,
) -> Iterator[Act]:
    """Yield the interview: started, saved, signed half an hour later; a safety alert is seen to the next morning."""
    by, ends = cast.rater(plan), begins + 32 * MINUTE

    def start() -> None:
        drafts.start(assignment=_assignment(cast, plan, period, timepoint), source="during", by=by)

    def finish() -> None:
        rating = _assignment(cast, plan, period, timepoint).rating
        changes = [
            drafts.Change(seq=item, item=item, field="value", value=str(score))
            for item, score in enumerate(items, start=1)
        ]
        saved = drafts.save_changes(
            rating=rating, client=str(uuid.uuid4()), known_version=rating.version, changes=changes, by=by
        )
        if saved.safety:
            alerts.acknowledge_as_rater(rating=rating, by=by)
        signing.sign(
            rating=rating, known_version=saved.version, ended_at=ends, source="during", password=cast.password, by=by
        )

    def acknowledge() -> None:
        for alert in SafetyAlert.objects.filter(
            rating__assignment=_assignment(cast, plan, period, timepoint), acknowledged_at__isnull=True
        ):
            alerts.acknowledge(alert=alert, action=ALERT_ACTION, by=cast["investigator"])

    yield Act(begins, by, start)
    yield Act(ends, by, finish)
    if items[9] >= cast.study.item10_threshold:
        yield Act(ends + 20 * 60 * MINUTE, cast["investigator"], acknowledge)


def _assignment(cast: Cast, plan: Plan, period: int, timepoint: str) -> RatingAssignment:
    return (
        cast.session(plan, period)
        .assignments.select_related("rating", "assessment", "session__participant__study", "session__participant__site")
        .get(assessment=cast.assessments["MADRS", timepoint])
    )
