"""What must be true before an act: state and item, not person."""

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from participants.models import EligibilityAssessment, Participant
from participants.selectors import consent_in_force, consent_version_on, eligibility_of, unanswered_criteria
from sessions.models import StudySession
from studyportal import clock
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class Precondition:
    """One line of the randomization wizard's first step."""

    label: str
    is_met: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Window:
    """When a session may begin: never before `opens_at` (washout), after `closes_at` only with a reason."""

    anchor: datetime.datetime | None = None
    opens_at: datetime.datetime | None = None
    closes_at: datetime.datetime | None = None


def randomization_preconditions(participant: Participant) -> list[Precondition]:
    """Return what must be true before a participant is randomized, each with the words that explain it."""
    eligibility = eligibility_of(participant)
    unanswered = unanswered_criteria(participant, eligibility)
    site, study = participant.site, participant.study
    recruits = site.is_active and study.status == Study.Status.RECRUITING
    return [
        _consent(participant),
        Precondition("Eligibility", _is_eligible(eligibility), _eligibility_words(eligibility)),
        Precondition(
            "Baseline",
            not unanswered,
            f"Not answered: {', '.join(unanswered)}. Ask the investigator to complete the eligibility."
            if unanswered
            else "Sex, age and every criterion of the protocol recorded",
        ),
        Precondition(
            "In screening",
            participant.status == Participant.Status.SCREENING,
            f"Now: {participant.get_status_display().lower()}",
        ),
        Precondition("Site open", recruits, "Recruiting" if recruits else "This site does not recruit now."),
    ]


def _consent(participant: Participant) -> Precondition:
    consent = consent_in_force(participant)
    if consent is None:
        return Precondition("Consent", is_met=False, detail="Record the signed consent form.")
    needed = consent_version_on(participant.study, clock.today(participant.site.time_zone))
    if needed is not None and needed.version != consent.form_version:
        words = f"Version {consent.form_version} is not in use now. Record a consent on version {needed.version}."
        return Precondition("Consent", is_met=False, detail=words)
    words = f"Version {consent.form_version}, signed {consent.signed_on.day} {consent.signed_on:%b %Y}"
    return Precondition("Consent", is_met=True, detail=words)


def _is_eligible(assessment: EligibilityAssessment | None) -> bool:
    return assessment is not None and assessment.is_eligible and assessment.signed_at is not None


def _eligibility_words(assessment: EligibilityAssessment | None) -> str:
    if assessment is None:
        return "Answer the criteria."
    if not assessment.is_eligible:
        return "At least one criterion is not met."
    if assessment.signature is None:
        return "All met; an investigator must sign."
    return f"All {len(assessment.answers)} met, signed by {assessment.signature.printed_name}"


def session_window(session: StudySession, siblings: Iterable[StudySession]) -> Window:
    """Return the window of a session's start, counted from the last session before it that was or will be held.

    The first session's window begins at randomization. A missed session gave nothing that must wash out.
    """
    period, participant = session.period, session.participant
    earlier = sorted(
        (s for s in siblings if s.period.number < period.number), key=lambda s: s.period.number, reverse=True
    )
    anchor = next((moment for moment in map(washout_anchor, earlier) if moment is not None), None)
    opens_at = anchor + datetime.timedelta(days=period.washout_days) if anchor else participant.randomized_at
    counted_from = anchor or participant.randomized_at
    closes_at = (
        counted_from + datetime.timedelta(days=period.latest_start_days)
        if counted_from is not None and period.latest_start_days is not None
        else None
    )
    return Window(anchor, opens_at, closes_at)


def washout_anchor(session: StudySession) -> datetime.datetime | None:
    """Return what the next washout is counted from: the infusion, else the start, else the plan; None when missed."""
    if session.status == StudySession.Status.MISSED:
        return None
    return infusion_start(session) or session.started_at or session.planned_at


def infusion_start(session: StudySession) -> datetime.datetime | None:
    """Return the actual start of a session's infusion, the anchor of its windows."""
    return next((dose.started_at for dose in session.doses.all() if dose.planned.kind == "infusion"), None)


def washout_words(window: Window, moment: datetime.datetime, washout_days: int) -> str:
    """Return how a start relates to the washout, for example `18 days after the last infusion; washout needs 14`."""
    if window.anchor is None:
        return "No washout before this session."
    if moment < window.anchor:
        return f"before the last infusion; washout needs {washout_days} days after it"
    days = (moment - window.anchor).days
    count = f"{days} day{'' if days == 1 else 's'}"
    return f"{count} after the last infusion; washout needs {washout_days}"


def strata_of(participant: Participant) -> list[tuple[str, str]]:
    """Return the study's factors with the participant's values in words, for example `("Sex", "Female")`."""
    values = {"site": str(participant.site), "sex": participant.get_sex_display()}
    return [(factor.capitalize(), values[factor]) for factor in participant.study.strata_factors]


def levels_of(participant: Participant) -> dict[str, str]:
    """Return the participant's level of each of the study's factors, for example `{"site": "01", "sex": "F"}`."""
    values = {"site": participant.site.code, "sex": participant.sex}
    return {factor: values[factor] for factor in participant.study.strata_factors}


def stratum_of(participant: Participant) -> str:
    """Return the stratum's key from the study's factors, for example `01|F`."""
    return stratum_key(participant.study, levels_of(participant))


def stratum_key(study: Study, levels: Mapping[str, str]) -> str:
    """Return the key of levels in the order of the study's factors; `all` where it has none."""
    return "|".join(levels[factor] for factor in study.strata_factors) or "all"


def stratum_words(participant: Participant) -> tuple[tuple[str, str], ...]:
    """Return the factors in words as they were at the randomization, whatever was corrected since."""
    factors, key = participant.study.strata_factors, participant.randomized_stratum
    if not factors or not key:
        return tuple(strata_of(participant))
    words: dict[str, Callable[[str], str]] = {
        "site": lambda code: str(participant.site) if participant.site.code == code else code,
        "sex": lambda code: str(Participant.Sex(code).label),
    }
    return tuple(
        (factor.capitalize(), words[factor](code)) for factor, code in zip(factors, key.split("|"), strict=True)
    )


def stratum_at_randomization(participant: Participant) -> str:
    """Return the stratum of the allocation; participants of an early version have it in their factors only."""
    if not participant.randomization_number:
        return ""
    return participant.randomized_stratum or stratum_of(participant)


def corrected_stratum(participant: Participant) -> str:
    """Return the stratum that the participant's factors give now, where it differs from that of the allocation."""
    now = stratum_of(participant) if participant.randomization_number else ""
    return now if now != stratum_at_randomization(participant) else ""
