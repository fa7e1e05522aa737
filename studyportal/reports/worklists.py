"""The home page's worklist: what waits for whom, by when, with the one thing to do about it."""

import datetime
from collections.abc import Callable, Iterator
from uuid import UUID

from participants.models import Participant
from participants.selectors import Screening, screening_of
from ratings.selectors import open_alerts
from sessions.models import AssessmentSchedule, QuantificationRun, StudySession
from sessions.policies import washout_words
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import permissions_by_site
from studyportal.reports import words
from studyportal.reports.journeys import Planned, open_session, planned_of, schedule_of, waiting_journeys, window_of
from studyportal.reports.worklist_rows import Group, Reader, Task, Worklist, as_reader_may
from studyportal.studies.models import Study

P = Permission
DAY = datetime.timedelta(days=1)


def worklist_for(viewer: User, study: Study) -> Worklist:
    """Return the viewer's worklist in a study."""
    by_site = permissions_by_site(viewer, study)
    schedule, now = schedule_of(study), clock.now()
    tasks = list(_alert_tasks(viewer, study, now))
    reviews = any(P.QUANTIFICATION_REVIEW in may for may in by_site.values())
    for participant in waiting_journeys(viewer, study, with_fits=reviews):
        may: frozenset[Permission] = by_site.get(_site_key(participant), frozenset())
        reader = Reader(now, participant, may, _assessments(participant, schedule))
        for produce in PRODUCERS:
            tasks += produce(reader)
    order = list(Group)
    return Worklist(tuple(sorted(tasks, key=lambda t: (order.index(t.group), t.moment, t.number, t.what))))


def _site_key(participant: Participant) -> UUID:
    return participant.site_id


def _alert_tasks(viewer: User, study: Study, now: datetime.datetime) -> Iterator[Task]:
    for alert in open_alerts(viewer, study):
        number = alert.rating.assignment.session.participant.number
        group = Group.OVERDUE if now - alert.raised_at > DAY else Group.TODAY
        when = f"raised {words.ago(alert.raised_at, now)}"
        yield Task(group, alert.raised_at, number, "Safety alert", when, "Acknowledge", ("safety-alerts",))


def _screening_tasks(reader: Reader) -> Iterator[Task]:
    participant, may = reader.participant, reader.may
    if participant.status != Participant.Status.SCREENING:
        return
    state = screening_of(participant)
    since = participant.screened_at
    when = f"screened {words.ago(since, reader.now)}"

    def task(group: Group, what: str, action: str, *target: str) -> Task:
        return Task(group, since, reader.number, what, when, action, target or ("participant", reader.number))

    if not state.has_consent and P.CONSENT_RECORD in may:
        yield task(Group.TODAY, "Consent is missing", "Record consent", "consent", reader.number)
    yield from _eligibility_tasks(state, may, reader.number, task)
    if state.has_consent and state.is_eligible and state.is_signed:
        if P.ALLOCATION_REQUEST in may:
            yield task(Group.TODAY, "Ready to randomize", "Randomize", "randomize", reader.number)
        elif P.ELIGIBILITY_SIGN in may:
            yield task(Group.WAITING, "Coordinator: randomize", "Open")


def _eligibility_tasks(
    state: Screening, may: frozenset[Permission], number: str, task: Callable[..., Task]
) -> Iterator[Task]:
    if not state.is_answered:
        if P.ELIGIBILITY_RECORD in may:
            yield task(Group.TODAY, "Eligibility is not answered", "Answer criteria", "eligibility", number)
    elif not state.is_eligible:
        if P.PARTICIPANT_WITHDRAW in may:
            yield task(Group.TODAY, "Not eligible: screening ends", "End screening", "screen-failure", number)
    elif not state.is_signed:
        if P.ELIGIBILITY_SIGN in may:
            yield task(Group.TODAY, "Eligibility waits for your signature", "Sign", "eligibility-sign", number)
        elif P.ELIGIBILITY_RECORD in may:
            yield task(Group.WAITING, "Investigator: sign the eligibility", "Open")


def _session_tasks(reader: Reader) -> Iterator[Task]:
    participant = reader.participant
    if participant.status != Participant.Status.RANDOMIZED:
        return
    session = open_session(participant)
    if session is None:
        if P.PARTICIPANT_WITHDRAW in reader.may:
            yield Task(
                Group.TODAY, reader.now, reader.number, "The last session was missed: record how it ended", "",
                "Record", ("withdraw", reader.number),
            )  # fmt: skip
        return
    yield from as_reader_may(reader, _open_session_task(reader, session))


def _open_session_task(reader: Reader, session: StudySession) -> tuple[Task | None, Permission]:
    target = ("session", reader.number, str(session.period.number))
    name = f"session {session.period.number}"

    def task(group: Group, moment: datetime.datetime, what: str, when: str, action: str) -> Task:
        return Task(group, moment, reader.number, what, when, action, target)

    if session.status == StudySession.Status.IN_PROGRESS and session.started_at is not None:
        group = Group.TODAY if reader.now - session.started_at < DAY else Group.OVERDUE
        when = f"began {words.day_and_time(session.started_at, reader.zone)}"
        return task(group, session.started_at, f"Complete {name}", when, "Open"), P.SESSION_CONDUCT
    window = window_of(reader.participant, session)
    if session.planned_at is None:
        opens_at = window.opens_at or reader.now
        group_or_none = reader.group_of(opens_at, window.closes_at)
        when = words.window(opens_at, window.closes_at, reader.now, reader.zone)
        made = task(group_or_none, opens_at, f"Plan {name}", when, "Plan") if group_or_none else None
        return made, P.SESSION_SCHEDULE
    is_past = clock.local(session.planned_at, reader.zone).date() < clock.local(reader.now, reader.zone).date()
    group_or_none = Group.OVERDUE if is_past else reader.group_of(session.planned_at)
    when = ("was planned for " if is_past else "") + words.day_and_time(session.planned_at, reader.zone)
    if window.anchor is not None and not is_past:
        when += f" · {washout_words(window, session.planned_at, session.period.washout_days)}"
    what = f"{name.capitalize()} was not started" if is_past else f"Hold {name}"
    made = task(group_or_none, session.planned_at, what, when, "Open") if group_or_none else None
    return made, P.SESSION_CONDUCT


def _rating_tasks(reader: Reader) -> Iterator[Task]:
    if P.RATING_STATUS_VIEW not in reader.may:
        return
    for planned in reader.assessments:
        if planned.is_rating and not planned.is_done and planned.window is not None:
            yield from as_reader_may(reader, _rating_task(reader, planned))


def _rating_task(reader: Reader, planned: Planned) -> tuple[Task | None, Permission]:
    assert planned.window is not None  # the caller has looked
    opens_at, closes_at = planned.window
    what = f"{planned.assessment.label}, session {planned.session.period.number}"
    group = reader.group_of(opens_at, closes_at)
    when = words.window(opens_at, closes_at, reader.now, reader.zone)
    if planned.assignment is None:
        what += ": no rater yet" if group != Group.OVERDUE else ": nobody rated"
        action, target = "Assign", ["rating-plan"]
    else:
        what += f": {planned.assignment.rater.full_name}"
        group = Group.WAITING if group in {Group.TODAY, Group.NEXT} else group
        action, target = "Open", ["participant", reader.number]
    made = Task(group, closes_at, reader.number, what, when, action, tuple(target)) if group else None
    return made, P.RATING_ASSIGN


def _scan_tasks(reader: Reader) -> Iterator[Task]:
    held = {StudySession.Status.IN_PROGRESS, StudySession.Status.COMPLETED}
    for planned in reader.assessments:
        session = planned.session
        if planned.is_rating or planned.is_done or session.status not in held or session.started_at is None:
            continue
        group = Group.TODAY if reader.now - session.started_at < DAY else Group.OVERDUE
        what = f"Spectrum of session {session.period.number} is missing"
        when = f"session on {words.day(session.started_at, reader.zone)}"
        target = ("session", reader.number, str(session.period.number))
        made = Task(group, session.started_at, reader.number, what, when, "Upload", target, "#spectra")
        yield from as_reader_may(reader, (made, P.SPECTRUM_UPLOAD))


def _fit_tasks(reader: Reader) -> Iterator[Task]:
    if P.QUANTIFICATION_REVIEW not in reader.may:
        return
    for planned in reader.assessments:
        run = planned.latest_run
        if run is not None and (state := _fit_state(run)) is not None:
            group, what, action = state
            moment = run.finished_at or run.queued_at
            when = f"{'finished' if run.finished_at else 'queued'} {words.ago(moment, reader.now)}"
            # The session stays unnamed: fits are reviewed without knowing the period.
            yield Task(group, moment, reader.number, what, when, action, ("quantification", str(run.pk)))


def _fit_state(run: QuantificationRun) -> tuple[Group, str, str] | None:
    if run.state == QuantificationRun.State.FAILED:
        return Group.TODAY, "Quantification failed", "Open"
    if run.state == QuantificationRun.State.DONE:
        return None if run.reviews.all() else (Group.TODAY, "Fit waits for your review", "Review")
    if run.state == QuantificationRun.State.CANCELLED:
        return None
    return Group.WAITING, f"Worker: {run.get_state_display().lower()}", "Watch"


def _assessments(participant: Participant, schedule: list[AssessmentSchedule]) -> list[Planned]:
    """Assessments that can still be done: of held sessions, and of planned ones while the participant is in."""
    is_in = participant.status == Participant.Status.RANDOMIZED
    return [
        planned
        for session in participant.sessions.all()
        if session.status != StudySession.Status.PLANNED or (is_in and session.planned_at is not None)
        for planned in planned_of(session, schedule)
    ]


PRODUCERS: tuple[Callable[[Reader], Iterator[Task]], ...] = (
    _screening_tasks, _session_tasks, _rating_tasks, _scan_tasks, _fit_tasks,
)  # fmt: skip
