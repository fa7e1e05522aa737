"""Models of sessions; import them from here."""

from sessions.models.adverse_event import AdverseEvent
from sessions.models.analysis_protocol import AnalysisProtocol, Requantification
from sessions.models.design import AssessmentSchedule, Period, PlannedDose, Sequence, SequencePeriod, Treatment
from sessions.models.deviation import ProtocolDeviation
from sessions.models.fixity import FileAlert, FixityCheck
from sessions.models.imported import ImportedResult
from sessions.models.outbox import OutboxMessage
from sessions.models.quantification import (
    FunctionalResult,
    MetaboliteEstimate,
    QuantificationResult,
    QuantificationReview,
    QuantificationRun,
)
from sessions.models.randomization import PaperRandomization, RandomizedInError, StratumCorrection
from sessions.models.session import Dose, StudySession
from sessions.models.spectrum import BasisSet, Spectrum, Upload

__all__ = [
    "AdverseEvent",
    "AnalysisProtocol",
    "AssessmentSchedule",
    "BasisSet",
    "Dose",
    "FileAlert",
    "FixityCheck",
    "FunctionalResult",
    "ImportedResult",
    "MetaboliteEstimate",
    "OutboxMessage",
    "PaperRandomization",
    "Period",
    "PlannedDose",
    "ProtocolDeviation",
    "QuantificationResult",
    "QuantificationReview",
    "QuantificationRun",
    "RandomizedInError",
    "Requantification",
    "Sequence",
    "SequencePeriod",
    "Spectrum",
    "StratumCorrection",
    "StudySession",
    "Treatment",
    "Upload",
]
