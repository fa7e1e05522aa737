"""Every number behind the synthetic study, named and in one place.

All of them are assumptions. They imitate the size of effects reported by Jelen et al. 2025, Nature Medicine,
doi 10.1038/s41591-025-03800-w; none is that study's data.
"""

from dataclasses import dataclass, field

from studyportal.reports.analysis.synthetic.records import Pretreatment, Sex


def _by_pretreatment(placebo: float, naltrexone: float) -> dict[Pretreatment, float]:
    return {Pretreatment.PLACEBO: placebo, Pretreatment.NALTREXONE: naltrexone}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleParameters:
    """Who takes part and when they come. Ages in years, intervals in days."""

    women: int = 13
    men: int = 13
    age_mean: float = 33.0
    age_sd: float = 8.0
    age_range: tuple[int, int] = (18, 50)
    interval_mean: float = 19.0
    interval_sd: float = 5.0
    interval_range: tuple[int, int] = (14, 35)
    enrolment_spacing: int = 5
    """Days between the first sessions of one participant and the next, on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadrsParameters:
    """Depression totals, in points of the total (0-60); SDs are of normal deviates."""

    baseline_mean: float = 29.0
    between_person_sd: float = 4.0
    session_shift_sd: float = 2.0
    second_period_shift: float = -2.0
    """The state before the second session has not fully returned."""
    day_1_fall: dict[Pretreatment, float] = field(default_factory=lambda: _by_pretreatment(14.0, 10.0))
    person_response_sd: float = 5.0
    session_response_sd: float = 4.5
    rating_noise_sd: float = 1.2
    second_rater_noise_sd: float = 2.1
    item_weights: tuple[float, ...] = (3.3, 3.8, 3.2, 2.9, 1.8, 3.2, 3.2, 3.5, 2.6, 1.5)
    """Expected share of items 1 to 10 in a total."""
    item_cap: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class GlxParameters:
    """Glx/tNAA of the anterior cingulate, a ratio without unit, in the pre-infusion block and five infusion blocks."""

    baseline_mean: float = 1.25
    between_person_sd: float = 0.11
    session_sd: float = 0.020
    block_noise_sd: float = 0.085
    block_profile: tuple[float, ...] = (0.0, 0.3, 0.7, 1.0, 1.1, 1.1)
    """Share of the peak rise reached in each block."""
    block_minutes: float = 8.0
    peak_rise: float = 0.075
    attenuation: dict[Sex, float] = field(default_factory=lambda: {Sex.MALE: 0.055, Sex.FEMALE: 0.012})
    """What naltrexone takes from the peak rise."""
    response_correlation: float = 0.36
    """Correlation of a session's Glx effect with the session's part of the MADRS response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyParameters:
    """What is recorded around the infusion: CADSS in points, pressure in mmHg, heart rate in beats per minute."""

    cadss_peak_mean: float = 22.0
    cadss_peak_sd: float = 14.0
    cadss_within_correlation: float = 0.7
    cadss_maximum: int = 92
    vitals_minutes: tuple[int, ...] = (0, 20, 40, 60, 80)
    vitals_profile: tuple[float, ...] = (0.0, 0.7, 1.0, 0.5, 0.2)
    """Share of the peak rise at each of `vitals_minutes` from the start of the infusion."""
    systolic_resting: tuple[float, float] = (122.0, 11.0)
    systolic_rise: tuple[float, float] = (18.0, 9.0)
    heart_rate_resting: tuple[float, float] = (70.0, 9.0)
    heart_rate_rise: tuple[float, float] = (8.0, 7.0)
    adverse_events: dict[str, dict[Pretreatment, float]] = field(
        default_factory=lambda: {
            "Dissociation": _by_pretreatment(0.90, 0.90),
            "Dizziness": _by_pretreatment(0.40, 0.40),
            "Nausea": _by_pretreatment(0.25, 0.40),
            "Headache": _by_pretreatment(0.20, 0.20),
            "Hypertension": _by_pretreatment(0.15, 0.15),
        }
    )
    """Probability of each event in a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticParameters:
    """All assumptions of a synthetic study.

    Raises
    ------
    ValueError
        A part contradicts itself; the message says which.
    """

    people: PeopleParameters = field(default_factory=PeopleParameters)
    madrs: MadrsParameters = field(default_factory=MadrsParameters)
    glx: GlxParameters = field(default_factory=GlxParameters)
    safety: SafetyParameters = field(default_factory=SafetyParameters)
    qids_slope: float = 0.42
    qids_noise_sd: float = 2.5
    qids_maximum: int = 27
    guess_right: float = 0.60
    guess_unsure: float = 0.20

    def __post_init__(self) -> None:
        if self.people.women < 0 or self.people.men < 0 or self.people.women + self.people.men < 2:
            raise ValueError("a synthetic study needs at least two participants")
        if len(self.madrs.item_weights) != 10 or min(self.madrs.item_weights) <= 0:
            raise ValueError("the MADRS needs ten positive item weights")
        if len(self.safety.vitals_minutes) != len(self.safety.vitals_profile):
            raise ValueError("vital signs need one share of the peak rise for each minute")
        if not -1 <= self.glx.response_correlation <= 1 or not 0 <= self.safety.cadss_within_correlation <= 1:
            raise ValueError("a correlation lies between -1 and 1, the one within participants between 0 and 1")
        if self.guess_right + self.guess_unsure > 1:
            raise ValueError("right and unsure guesses together cannot pass 1")
