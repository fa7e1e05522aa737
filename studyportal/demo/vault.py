"""The vault's half of the demo: the list, and outcomes drawn from the sequences that only the vault can open.

The seed of the outcomes is fresh entropy, sealed with the vault's key: with it a blinded reader could draw everybody's
outcomes under both sequences and see which one happened.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev
from uuid import UUID

from django.conf import settings

from sessions.allocation.policies import paper_strata_of, strata_of
from sessions.allocation.sealing import seal, unseal
from sessions.allocation.services import approve_list, create_list, reveal_sequences
from sessions.models import SequencePeriod
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from studyportal.demo import design
from studyportal.demo.design import NALTREXONE, PLACEBO
from studyportal.demo.outcomes import Outcome
from studyportal.reports.analysis.synthetic import (
    Pretreatment,
    PretreatmentOrder,
    Sex,
    SyntheticParameters,
    SyntheticParticipant,
    SyntheticSession,
    simulate_sessions,
)
from studyportal.studies.models import Study

SEED_INFO = "demo outcomes"
TRIES = 400
REASON = "SYNTHETIC demo: outcomes are drawn from the sequences"
TREATMENT = {PLACEBO: Pretreatment.PLACEBO, NALTREXONE: Pretreatment.NALTREXONE}
Drawn = dict[UUID, tuple[SyntheticSession, SyntheticSession]]


def make_people(study: Study, *, password: str) -> None:
    """Make the accounts that only this door's login may make."""
    with acting("system:demo"):
        design.make_people(study, password=password, unblinded=True)


def make_list(study: Study, *, slots_per_stratum: int) -> None:
    """Let the unblinded statistician make the list and the pharmacist approve it."""
    maker, second = User.objects.get(username="unblinded"), User.objects.get(username="pharmacist")
    strata = [*strata_of(study), *paper_strata_of(study)]
    with acting(f"user:{maker.username}"):
        made = create_list(
            study=study, method="permuted_blocks", parameters={"block_sizes": [2, 4]}, strata=strata,
            slots_per_stratum=slots_per_stratum, by=maker,
        )  # fmt: skip
    with acting(f"user:{second.username}"):
        approve_list(list_id=made.pk, by=second)


def draw_outcomes(study: Study, people: Mapping[UUID, SyntheticParticipant]) -> dict[UUID, list[Outcome]]:
    """Return the outcomes of every allocated participant of `people`, always the same for the same data folder."""
    by = User.objects.get(username="unblinded")
    with acting(f"user:{by.username}"):
        codes = reveal_sequences(study=study, by=by, reason=REASON)
    orders = _orders(study)
    sequences = {key: orders[codes[key]] for key in people if key in codes}
    parameters = SyntheticParameters()
    drawn = _draw(parameters, people, sequences, _seed(parameters, people, sequences))
    return {key: [_outcome(session) for session in sessions] for key, sessions in drawn.items()}


def is_typical(sessions: list[SyntheticSession]) -> bool:
    """Whether the drawn study shows the pattern that the demo is to show: about what most such studies show.

    MADRS falls less after naltrexone (paired t between 2 and 3), and Glx rises less after it, more so in men.
    """
    pairs: dict[int, dict[Pretreatment, SyntheticSession]] = {}
    for session in sessions:
        pairs.setdefault(session.participant.position, {})[session.pretreatment] = session
    complete = [pair for pair in pairs.values() if len(pair) == 2]
    if len(complete) < 12:
        return True
    madrs = [p[Pretreatment.NALTREXONE].madrs_change - p[Pretreatment.PLACEBO].madrs_change for p in complete]
    glx = {
        sex: [
            _rise(p[Pretreatment.PLACEBO]) - _rise(p[Pretreatment.NALTREXONE])
            for p in complete
            if p[Pretreatment.PLACEBO].participant.sex is sex
        ]
        for sex in Sex
    }
    madrs_t = fmean(madrs) / (stdev(madrs) / len(madrs) ** 0.5)
    return 2.1 < madrs_t < 3.2 and 0.03 < fmean(glx[Sex.MALE]) < 0.09 and -0.02 < fmean(glx[Sex.FEMALE]) < 0.03


def _rise(session: SyntheticSession) -> float:
    return fmean(session.glx[1:]) - session.glx[0]


def _orders(study: Study) -> dict[str, PretreatmentOrder]:
    treatments: dict[str, list[Pretreatment]] = {}
    for row in SequencePeriod.objects.filter(sequence__study=study).select_related("sequence", "treatment", "period"):
        treatments.setdefault(row.sequence.code, []).append(TREATMENT[row.treatment.code])
    return {code: (first, second) for code, (first, second) in treatments.items()}


def _draw(
    parameters: SyntheticParameters,
    people: Mapping[UUID, SyntheticParticipant],
    sequences: Mapping[UUID, PretreatmentOrder],
    seed: int,
) -> Drawn:
    return {key: simulate_sessions(parameters, people[key], order, seed=seed) for key, order in sequences.items()}


def _seed(
    parameters: SyntheticParameters,
    people: Mapping[UUID, SyntheticParticipant],
    sequences: Mapping[UUID, PretreatmentOrder],
) -> int:
    kept = Path(settings.PORTAL_DATA) / "demo_seed.sealed"
    if kept.exists():
        return int.from_bytes(unseal(kept.read_bytes(), SEED_INFO))
    seed = secrets.randbits(128)
    for _ in range(TRIES):
        drawn = _draw(parameters, people, sequences, seed)
        if is_typical([session for pair in drawn.values() for session in pair]):
            break
        seed = secrets.randbits(128)
    kept.touch(mode=0o600)
    kept.write_bytes(seal(seed.to_bytes(16), SEED_INFO))
    return seed


def _outcome(session: SyntheticSession) -> Outcome:
    return Outcome(
        period=session.period,
        madrs_before=session.madrs_before.items,
        madrs_after=session.madrs_after.items,
        adverse_events=session.adverse_events,
        # With its noise between blocks: what the scanner sees of the truth.
        glx=session.glx,
    )
