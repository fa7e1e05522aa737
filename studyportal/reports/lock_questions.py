"""What to ask before a study is locked: counts of what is open, over all sites, and what to do about each."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from participants.models import Participant
from ratings.models import RatingAssignment, SafetyAlert
from sessions.models import (
    AnalysisProtocol,
    AssessmentSchedule,
    QuantificationReview,
    QuantificationRun,
    Spectrum,
    StudySession,
)
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `count` is how many stand open, zero when it is answered."""

    key: str
    words: str
    count: int
    todo: str

    @property
    def is_open(self) -> bool:
        """Whether something is to be done, or to be explained."""
        return self.count > 0


def questions_of(study: Study) -> list[Question]:
    """Return every question in the order in which a study comes by it, from screening to analysis."""
    living = RatingAssignment.objects.filter(session__participant__study=study).exclude(status="cancelled")
    spectra = Spectrum.objects.filter(session__participant__study=study, kind="metabolite").exclude(status="withdrawn")
    runs = QuantificationRun.objects.filter(spectrum__session__participant__study=study)
    alerts = SafetyAlert.objects.filter(rating__assignment__session__participant__study=study)
    return [
        Question(
            "screening", "Is every screening finished?",
            Participant.objects.filter(study=study, status=Participant.Status.SCREENING).count(),
            "Randomize the participant, or end the screening.",
        ),
        Question(
            "sessions", "Is every session held or recorded as missed?",
            StudySession.objects.filter(
                participant__study=study, status__in=(StudySession.Status.PLANNED, StudySession.Status.IN_PROGRESS)
            ).exclude(participant__status=Participant.Status.WITHDRAWN).count(),
            "Complete the session, or record that it was missed and why.",
        ),
        Question(
            "assessments", "Was every assessment of a held session assigned to a rater?", _unassigned(study),
            "Assign a rater, or explain below why there is no rating.",
        ),
        Question(
            "ratings", "Is every rating signed?",
            living.filter(status__in=("assigned", "started")).count(),
            "The rater signs it, or the coordinator cancels the assignment.",
        ),
        Question(
            "runs", "Is every fit finished?", runs.filter(state__in=("queued", "running")).count(),
            "Wait for the workers, or look at why they stand still.",
        ),
        Question(
            "spectra", "Was every spectrum reviewed?",
            spectra.exclude(Exists(QuantificationReview.objects.filter(run__spectrum=OuterRef("pk")))).count(),
            "The imaging analyst accepts or rejects a fit, or withdraws the file.",
        ),
        Question(
            "alerts", "Did an investigator answer every safety alert?",
            alerts.filter(acknowledged_at__isnull=True).count(), "The investigator of the site acknowledges it.",
        ),
        Question(
            "protocol", "Is the analysis protocol signed?",
            0 if AnalysisProtocol.objects.filter(study=study, signed_at__isnull=False).exists() else 1,
            "A statistician or an investigator signs it: after unblinding it is too late.",
        ),
    ]  # fmt: skip


def open_counts(questions: list[Question]) -> dict[str, int]:
    """Return what stands open, as it is signed."""
    return {one.key: one.count for one in questions if one.is_open}


def _unassigned(study: Study) -> int:
    held = StudySession.objects.filter(participant__study=study, status=StudySession.Status.COMPLETED)
    living = RatingAssignment.objects.filter(session=OuterRef("pk")).exclude(status="cancelled")
    return sum(
        held.exclude(Exists(living.filter(assessment=assessment))).count()
        for assessment in AssessmentSchedule.objects.filter(study=study, instrument="MADRS")
    )
