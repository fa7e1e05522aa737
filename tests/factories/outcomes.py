"""Participants with both sessions held, rated and scanned: what the reports read, with numbers that are chosen."""

import datetime
from collections.abc import Mapping, Sequence

from participants.models import Participant
from ratings.models import ItemScore, Rating, RatingAssignment
from ratings.selectors import active_pack
from sessions.models import AssessmentSchedule, Dose, PlannedDose, StudySession
from studyportal import clock
from studyportal.audit.context import because
from tests.factories import journey
from tests.factories import spectrum_rows as spectra
from tests.factories.world import World


def measured(
    world: World,
    *,
    sex: str,
    totals: Sequence[tuple[int, int]],
    courses: Sequence[Sequence[tuple[float, float]]] = (),
    washout_days: int = 20,
) -> Participant:
    """Return a randomized participant; `totals` are (pre-dose, day 1) and `courses` the blocks of each period."""
    participant = journey.randomized(world, sex=sex)
    start = clock.now() - datetime.timedelta(days=60)
    for session in participant.sessions.order_by("period__number"):
        period = session.period.number
        infusion = start + datetime.timedelta(days=washout_days * (period - 1))
        held(world, session, infusion)
        for timepoint, total in zip(("pre_dose", "day_1"), totals[period - 1], strict=True):
            rated(world, session, timepoint, infusion, total)
        if courses:
            spectra.quantified(world, session, blocks=courses[period - 1])
    return participant


def held(world: World, session: StudySession, infusion: datetime.datetime) -> None:
    """Write a completed session with its infusion."""
    session.status, session.started_at = StudySession.Status.COMPLETED, infusion
    session.planned_at, session.completed_at = infusion, infusion + datetime.timedelta(hours=3)
    session.save()
    Dose.objects.create(
        session=session, planned=PlannedDose.objects.get(study=world.study, kind="infusion"), started_at=infusion,
        ended_at=infusion + datetime.timedelta(minutes=40), given_by=world.coordinator,
    )  # fmt: skip


def rated(world: World, session: StudySession, timepoint: str, infusion: datetime.datetime, total: int) -> Rating:
    """Write a signed rating whose items sum to the total, begun when it is due."""
    assessment = AssessmentSchedule.objects.get(study=world.study, instrument="MADRS", timepoint=timepoint)
    assignment = RatingAssignment.objects.create(
        code=f"{str(session.pk)[:6]}{timepoint[:4]}", session=session, assessment=assessment, rater=world.rater,
        status="signed", assigned_by=world.coordinator,
    )  # fmt: skip
    begun = infusion + datetime.timedelta(hours=assessment.offset_hours)
    rating = Rating.objects.create(
        assignment=assignment, pack=active_pack(world.study, "MADRS"), rater=world.rater, status="signed",
        recall_period=assessment.recall_period, started_at=begun, ended_at=begun, signed_at=begun,
    )  # fmt: skip
    ItemScore.objects.bulk_create(
        ItemScore(rating=rating, item=item, value=value) for item, value in split(total).items()
    )
    return rating


def split(total: int) -> Mapping[int, int]:
    """Return ten items of at most six that sum to the total."""
    return {item: total // 10 + (item <= total % 10) for item in range(1, 11)}


def rescore(session: StudySession, timepoint: str, total: int) -> None:
    """Change a rating's items before anybody reads them."""
    rating = Rating.objects.get(assignment__session=session, assignment__assessment__timepoint=timepoint)
    scores = list(ItemScore.objects.filter(rating=rating))
    for score in scores:
        score.value = split(total)[score.item]
    with because("suite", "another total"):
        ItemScore.objects.bulk_update(scores, ["value"])
