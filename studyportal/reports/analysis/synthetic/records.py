"""The rows of a synthetic study."""

from dataclasses import dataclass
from enum import StrEnum


class Sex(StrEnum):
    """Sex as recorded at screening."""

    FEMALE = "female"
    MALE = "male"


class Pretreatment(StrEnum):
    """What is swallowed before the infusion."""

    PLACEBO = "placebo"
    NALTREXONE = "naltrexone"


class Guess(StrEnum):
    """A participant's guess of the pretreatment, asked after the session."""

    PLACEBO = "placebo"
    NALTREXONE = "naltrexone"
    UNSURE = "unsure"


PretreatmentOrder = tuple[Pretreatment, Pretreatment]
"""The pretreatments of the first and the second session: a sequence of the AB/BA design."""

PLACEBO_FIRST: PretreatmentOrder = (Pretreatment.PLACEBO, Pretreatment.NALTREXONE)
NALTREXONE_FIRST: PretreatmentOrder = (Pretreatment.NALTREXONE, Pretreatment.PLACEBO)


@dataclass(frozen=True, slots=True)
class SyntheticParticipant:
    """A participant before allocation.

    Attributes
    ----------
    position
        1, 2, ... in the order of enrolment.
    age
        In years.
    session_days
        Days of the two sessions, counted from the study's first day (0).
    """

    position: int
    sex: Sex
    age: int
    session_days: tuple[int, int]

    @property
    def interval_days(self) -> int:
        """Days between the two sessions."""
        return self.session_days[1] - self.session_days[0]


@dataclass(frozen=True, slots=True)
class SyntheticMadrs:
    """One rating: ten items of 0 to 6."""

    items: tuple[int, ...]

    @property
    def total(self) -> int:
        """The sum of the items."""
        return sum(self.items)


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """Systolic pressure (mmHg) and heart rate (per minute), so many minutes after the start of the infusion."""

    minute: int
    systolic: int
    heart_rate: int


@dataclass(frozen=True, slots=True)
class SyntheticSession:
    """One session of one participant with all its outcomes.

    Attributes
    ----------
    period
        1 or 2.
    day
        Counted from the study's first day; the day-1 rating is made on the day after.
    second_rater_after
        Total of an independent second rating of the same interview on day 1.
    glx_truth
        Glx/tNAA of each block without measurement noise: what a simulated spectrum should hold.
    glx
        The same as measured.
    """

    participant: SyntheticParticipant
    period: int
    day: int
    pretreatment: Pretreatment
    madrs_before: SyntheticMadrs
    madrs_after: SyntheticMadrs
    second_rater_after: int
    qids_before: int
    qids_after: int
    glx_truth: tuple[float, ...]
    glx: tuple[float, ...]
    cadss_peak: int
    vital_signs: tuple[VitalSigns, ...]
    adverse_events: tuple[str, ...]
    guess: Guess

    @property
    def madrs_change(self) -> int:
        """Day-1 total minus pre-dose total; negative is better."""
        return self.madrs_after.total - self.madrs_before.total


@dataclass(frozen=True, slots=True)
class SyntheticStudy:
    """A whole study; every number in it is SYNTHETIC."""

    participants: tuple[SyntheticParticipant, ...]
    sessions: tuple[SyntheticSession, ...]
