"""Models of sessions; import them from here."""

from sessions.models.adverse_event import AdverseEvent
from sessions.models.design import AssessmentSchedule, Period, PlannedDose, Sequence, SequencePeriod, Treatment
from sessions.models.deviation import ProtocolDeviation
from sessions.models.quantification import (
    MetaboliteEstimate,
    QuantificationResult,
    QuantificationReview,
    QuantificationRun,
)
from sessions.models.session import Dose, StudySession
from sessions.models.spectrum import BasisSet, Spectrum, Upload

__all__ = [
    "AdverseEvent",
    "AssessmentSchedule",
    "BasisSet",
    "Dose",
    "MetaboliteEstimate",
    "Period",
    "PlannedDose",
    "ProtocolDeviation",
    "QuantificationResult",
    "QuantificationReview",
    "QuantificationRun",
    "Sequence",
    "SequencePeriod",
    "Spectrum",
    "StudySession",
    "Treatment",
    "Upload",
]
