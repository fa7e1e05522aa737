"""The synthetic study: participants first, outcomes once the sequence is known, both from one seed."""

from studyportal.reports.analysis.synthetic.outcomes import simulate_sessions, simulate_study, split_total
from studyportal.reports.analysis.synthetic.parameters import (
    GlxParameters,
    MadrsParameters,
    PeopleParameters,
    SafetyParameters,
    SyntheticParameters,
)
from studyportal.reports.analysis.synthetic.people import draw_orders, draw_participants
from studyportal.reports.analysis.synthetic.records import (
    NALTREXONE_FIRST,
    PLACEBO_FIRST,
    Guess,
    Pretreatment,
    PretreatmentOrder,
    Sex,
    SyntheticMadrs,
    SyntheticParticipant,
    SyntheticSession,
    SyntheticStudy,
    VitalSigns,
)

__all__ = [
    "NALTREXONE_FIRST",
    "PLACEBO_FIRST",
    "GlxParameters",
    "Guess",
    "MadrsParameters",
    "PeopleParameters",
    "Pretreatment",
    "PretreatmentOrder",
    "SafetyParameters",
    "Sex",
    "SyntheticMadrs",
    "SyntheticParameters",
    "SyntheticParticipant",
    "SyntheticSession",
    "SyntheticStudy",
    "VitalSigns",
    "draw_orders",
    "draw_participants",
    "simulate_sessions",
    "simulate_study",
    "split_total",
]
