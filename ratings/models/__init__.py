"""Models of ratings; import them from here."""

from ratings.models.assignment import RatingAssignment
from ratings.models.guess import TreatmentGuess
from ratings.models.instrument import InstrumentPack
from ratings.models.rating import DraftEvent, ItemCorrection, ItemScore, Rating
from ratings.models.safety import SafetyAlert

__all__ = [
    "DraftEvent",
    "InstrumentPack",
    "ItemCorrection",
    "ItemScore",
    "Rating",
    "RatingAssignment",
    "SafetyAlert",
    "TreatmentGuess",
]
