"""Models of participants; import them from here."""

from participants.models.consent import Consent, ConsentVersion
from participants.models.eligibility import EligibilityAssessment, EligibilityCriterion
from participants.models.identity import Identity
from participants.models.participant import Participant
from participants.models.withdrawal import ScreenFailure, Withdrawal

__all__ = [
    "Consent",
    "ConsentVersion",
    "EligibilityAssessment",
    "EligibilityCriterion",
    "Identity",
    "Participant",
    "ScreenFailure",
    "Withdrawal",
]
