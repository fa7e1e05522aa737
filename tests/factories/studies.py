"""A study with its design: two treatments, AB and BA, two periods, two doses, two MADRS and one scan a session."""

import datetime
import json

from participants.models import EligibilityCriterion
from ratings.models import InstrumentPack
from ratings.services.packs import PLACEHOLDER, load_pack
from sessions.models import AssessmentSchedule, Period, PlannedDose, Sequence, SequencePeriod, Treatment
from studyportal.studies.models import Site, Study


def make_study(code: str = "XO", **overrides: object) -> Study:
    """Make a recruiting study with sites 01 and 02, its design, three criteria and the placeholder MADRS pack."""
    values: dict[str, object] = {
        "name": f"Crossover study {code}", "status": Study.Status.RECRUITING, "recruitment_target": 26,
        "recruitment_starts_on": datetime.date(2026, 1, 5), "recruitment_ends_on": datetime.date(2026, 12, 18),
        "participant_prefix": code[:6], "minimum_age_years": 18, "maximum_age_years": 50,
        "minimum_washout_days": 14, "strata_factors": ["site", "sex"], "is_synthetic": True,
    }  # fmt: skip
    study = Study.objects.create(code=code, **(values | overrides))
    Site.objects.bulk_create(
        Site(study=study, code=number, name=name, recruitment_target=13)
        for number, name in (("01", "North"), ("02", "South"))
    )
    make_design(study)
    make_criteria(study)
    make_pack(study)
    return study


def make_design(study: Study) -> None:
    """Make treatments A and B, sequences AB and BA, periods, doses and the schedule of assessments."""
    a, b = Treatment.objects.bulk_create(
        Treatment(study=study, code=code, name=name)
        for code, name in (("A", "Placebo capsule"), ("B", "Naltrexone 50 mg"))
    )
    periods = Period.objects.bulk_create(
        [
            Period(study=study, number=1),
            Period(study=study, number=2, washout_days=study.minimum_washout_days),
        ]
    )
    sequences = Sequence.objects.bulk_create(Sequence(study=study, code=code) for code in ("AB", "BA"))
    SequencePeriod.objects.bulk_create(
        SequencePeriod(sequence=sequence, period=period, treatment=treatment)
        for sequence, treatments in zip(sequences, ((a, b), (b, a)), strict=True)
        for period, treatment in zip(periods, treatments, strict=True)
    )
    PlannedDose.objects.bulk_create(
        PlannedDose(study=study, kind=kind, label=label, minutes_from_infusion=begins, duration_minutes=lasts)
        for kind, label, begins, lasts in (
            ("pretreatment", "Pretreatment capsule", -45, 0),
            ("infusion", "Ketamine infusion", 0, 40),
        )
    )
    AssessmentSchedule.objects.bulk_create(
        AssessmentSchedule(
            study=study, instrument=instrument, timepoint=timepoint, label=label, offset_hours=offset,
            window_before_hours=before, window_after_hours=after, recall_period=recall, position=position,
        )
        for position, (instrument, timepoint, label, offset, before, after, recall) in enumerate((
            ("MADRS", "pre_dose", "MADRS pre-dose", -2.0, 22.0, 2.0, "Past 7 days"),
            ("MRS", "infusion", "MRS during infusion", 0.0, 1.0, 1.0, ""),
            ("MADRS", "day_1", "MADRS day 1", 24.0, 4.0, 4.0, "Past 24 hours"),
        ))
    )  # fmt: skip


def make_criteria(study: Study) -> None:
    """Make two inclusion criteria and one exclusion criterion."""
    EligibilityCriterion.objects.bulk_create(
        EligibilityCriterion(study=study, code=code, kind=kind, text=text, position=position)
        for position, (code, kind, text) in enumerate(
            (
                ("I1", "inclusion", "Aged 18 to 50"),
                ("I2", "inclusion", "Major depressive disorder"),
                ("E1", "exclusion", "Opioid use"),
            )
        )
    )


def make_pack(study: Study) -> InstrumentPack:
    """Load the placeholder pack that ships with the project."""
    return load_pack(study=study, document=json.loads(PLACEHOLDER.read_text()), by=None)
