"""The demo study's design and its people: what an administrator would enter before the first participant."""

import datetime
import json
from dataclasses import dataclass

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import transaction

from participants.models import EligibilityCriterion
from ratings.services.packs import PLACEHOLDER, load_pack
from sessions.analysis_protocols import terms_to_start_from
from sessions.models import AssessmentSchedule, Period, PlannedDose, Sequence, SequencePeriod, Treatment
from sessions.mrs import SYNTHETIC_BASIS
from sessions.services import analysis_protocols, bases
from studyportal.accounts.models import StudyMembership, User
from studyportal.accounts.roles import UNBLINDED_ROLES, Role
from studyportal.audit.context import acting
from studyportal.studies.models import Site, Study

CODE = "DEMO"
PLACEBO, NALTREXONE = "PLA", "NTX"
SEQUENCES = {"AB": (PLACEBO, NALTREXONE), "BA": (NALTREXONE, PLACEBO)}
SITES = (("01", "Northgate"), ("02", "Southbank"))
CRITERIA = (
    ("I1", "inclusion", "Aged 18 to 50"),
    ("I2", "inclusion", "Major depressive disorder, present episode"),
    ("I3", "inclusion", "MADRS of 20 or more at screening"),
    ("E1", "exclusion", "Opioid use in the past three months"),
    ("E2", "exclusion", "Anything that forbids a 3 T scanner"),
)


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account."""

    username: str
    full_name: str
    role: Role


ACCOUNTS = (
    Account("coordinator", "Chris Coordinator", Role.COORDINATOR),
    Account("investigator", "Iris Investigator", Role.INVESTIGATOR),
    Account("rater", "Robin Rater", Role.RATER),
    Account("rater2", "Rowan Rater", Role.RATER),
    Account("imaging", "Imani Imaging", Role.IMAGING_ANALYST),
    Account("datamanager", "Dana Datamanager", Role.DATA_MANAGER),
    Account("statistician", "Stevie Statistician", Role.STATISTICIAN),
    Account("monitor", "Morgan Monitor", Role.MONITOR),
    Account("admin", "Alex Administrator", Role.ADMINISTRATOR),
    Account("pharmacist", "Parker Pharmacist", Role.PHARMACIST),
    Account("pharmacist2", "Pia Pharmacist", Role.PHARMACIST),
    Account("unblinded", "Uma Unblinded", Role.UNBLINDED_STATISTICIAN),
    Account("oncall", "Olive Oncall", Role.EMERGENCY_UNBLINDER),
)


@transaction.atomic
def make_study(*, recruitment_starts_on: datetime.date, recruitment_ends_on: datetime.date, target: int) -> Study:
    """Make the study with sites, treatments, sequences, periods, doses, schedule, criteria and the placeholder pack."""
    study = Study.objects.create(
        code=CODE, name="Ketamine crossover demo",
        title="SYNTHETIC demonstration: naltrexone or placebo before ketamine, two sessions, MADRS and functional MRS",
        is_synthetic=True, status=Study.Status.RECRUITING, recruitment_target=target,
        recruitment_starts_on=recruitment_starts_on, recruitment_ends_on=recruitment_ends_on, participant_prefix="KX",
        minimum_age_years=18, maximum_age_years=50, minimum_washout_days=14, strata_factors=["site", "sex"],
    )  # fmt: skip
    for code, name in SITES:
        Site.objects.create(study=study, code=code, name=name, recruitment_target=target // len(SITES))
    _make_crossover(study)
    _make_schedule(study)
    for position, (code, kind, text) in enumerate(CRITERIA):
        EligibilityCriterion.objects.create(study=study, code=code, kind=kind, text=text, position=position)
    load_pack(study=study, document=json.loads(PLACEHOLDER.read_text()), by=None)
    return study


@transaction.atomic
def make_people(study: Study, *, password: str, unblinded: bool) -> dict[str, User]:
    """Make one account for each role of one side of the blind; return them by user name.

    The unblinded ones are made with the vault's login, and have a second factor.
    """
    people = {}
    for account in ACCOUNTS:
        if (account.role in UNBLINDED_ROLES) is not unblinded:
            continue
        user = User.objects.create_user(
            account.username, full_name=account.full_name, email=f"{account.username}@demo.invalid"
        )
        StudyMembership.objects.create(user=user, study=study, role=account.role)
        user.set_password(password)
        user.save(update_fields=["password"])
        if unblinded:
            TOTP.activate(user, generate_totp_secret())
        people[account.username] = user
    return people


def make_bases(study: Study, *, by: User) -> None:
    """Make the basis sets that the portal simulates itself; a scanner's own basis is uploaded by its owner.

    None is the default, so each spectrum is fitted with the one nearest to its echo time.
    """
    for name, simulation in (
        ("Simulated 3 T PRESS, TE 28 ms", SYNTHETIC_BASIS),
        ("Simulated 3 T PRESS, TE 35 ms", "sim:press:11,24@3T"),
        ("Simulated 7 T STEAM, TE 11 ms", "sim:steam:11,32@7T"),
    ):
        bases.add_simulated(study=study, name=name, simulation=simulation, by=by)


def make_protocol(study: Study, *, drafted_by: User, signed_by: User, password: str) -> None:
    """Draft and sign the analysis protocol: before the first participant, and so before anybody sees an allocation."""
    with acting(f"user:{drafted_by.username}"):
        made = analysis_protocols.draft(
            study=study, terms=terms_to_start_from(study), by=drafted_by,
            reason="SYNTHETIC demo: the engine's defaults with the basis sets of this study's sequences",
        )  # fmt: skip
    with acting(f"user:{signed_by.username}"):
        analysis_protocols.sign(protocol=made, password=password, by=signed_by)


def _make_crossover(study: Study) -> None:
    treatments = {
        PLACEBO: Treatment.objects.create(study=study, code=PLACEBO, name="Placebo capsule"),
        NALTREXONE: Treatment.objects.create(study=study, code=NALTREXONE, name="Naltrexone 50 mg"),
    }
    periods = [
        Period.objects.create(study=study, number=1),
        Period.objects.create(study=study, number=2, washout_days=study.minimum_washout_days, latest_start_days=35),
    ]
    for code, order in SEQUENCES.items():
        sequence = Sequence.objects.create(study=study, code=code)
        for period, treatment in zip(periods, order, strict=True):
            SequencePeriod.objects.create(sequence=sequence, period=period, treatment=treatments[treatment])
    PlannedDose.objects.create(
        study=study, kind="pretreatment", label="Pretreatment capsule", minutes_from_infusion=-45, duration_minutes=0
    )
    PlannedDose.objects.create(
        study=study, kind="infusion", label="Ketamine infusion", minutes_from_infusion=0, duration_minutes=40
    )


def _make_schedule(study: Study) -> None:
    rows = (
        ("MADRS", "pre_dose", "MADRS pre-dose", -2.0, 22.0, 2.0, "Past 7 days"),
        ("MRS", "infusion", "MRS during infusion", 0.0, 1.0, 1.0, ""),
        ("MADRS", "day_1", "MADRS day 1", 24.0, 4.0, 4.0, "Past 24 hours"),
    )
    for position, (instrument, timepoint, label, offset, before, after, recall) in enumerate(rows):
        AssessmentSchedule.objects.create(
            study=study, instrument=instrument, timepoint=timepoint, label=label, offset_hours=offset,
            window_before_hours=before, window_after_hours=after, recall_period=recall, position=position,
        )  # fmt: skip
