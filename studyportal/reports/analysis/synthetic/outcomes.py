"""Second stage: what is measured, given who got what.

Every draw of a participant comes from streams that know the participant, the period and the purpose but not the
pretreatment; the pretreatment only moves means and thresholds. So another participant's sequence changes nothing, and
the participant's own changes only what the pretreatment does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from studyportal.reports.analysis.synthetic.parameters import MadrsParameters, SafetyParameters, SyntheticParameters
from studyportal.reports.analysis.synthetic.people import Stream, draw_orders, draw_participants, stream
from studyportal.reports.analysis.synthetic.records import (
    Guess,
    Pretreatment,
    PretreatmentOrder,
    SyntheticMadrs,
    SyntheticParticipant,
    SyntheticSession,
    SyntheticStudy,
    VitalSigns,
)


@dataclass(frozen=True, slots=True)
class _Traits:
    """What a participant brings to both sessions, as standard normal deviates."""

    severity: float
    response: float
    glx: float
    cadss: float
    systolic: float
    heart_rate: float


def simulate_study(
    parameters: SyntheticParameters,
    *,
    seed: int,
    sequences_by_participant: Mapping[int, PretreatmentOrder] | None = None,
) -> SyntheticStudy:
    """Return participants and sessions.

    Parameters
    ----------
    parameters
        The study's assumptions.
    seed
        Any non-negative integer. With numpy's version it determines every value.
    sequences_by_participant
        Order of pretreatments by position; participants without one get no sessions. `None` draws a balanced
        allocation from the seed.

    Raises
    ------
    ValueError
        A sequence belongs to a position that does not exist.
    """
    participants = draw_participants(parameters, seed=seed)
    orders = draw_orders(participants, seed=seed) if sequences_by_participant is None else sequences_by_participant
    if unknown := set(orders) - {person.position for person in participants}:
        msg = f"there is no participant {sorted(unknown)[0]}; the study has {len(participants)}"
        raise ValueError(msg)
    sessions = (
        session
        for person in participants
        if person.position in orders
        for session in simulate_sessions(parameters, person, orders[person.position], seed=seed)
    )
    return SyntheticStudy(participants, tuple(sessions))


def simulate_sessions(
    parameters: SyntheticParameters, participant: SyntheticParticipant, order: PretreatmentOrder, *, seed: int
) -> tuple[SyntheticSession, SyntheticSession]:
    """Return one participant's two sessions, independent of everybody else's."""
    traits = _Traits(*stream(seed, Stream.TRAITS, participant.position).standard_normal(6).tolist())
    first, second = (
        _simulate_session(parameters, participant, traits, period=period, pretreatment=pretreatment, seed=seed)
        for period, pretreatment in enumerate(order, start=1)
    )
    return first, second


def split_total(total: int, generator: np.random.Generator, madrs: MadrsParameters) -> SyntheticMadrs:
    """Return ten items that sum to the total, handed out point by point in proportion to the weights.

    Raises
    ------
    ValueError
        The total lies outside of what the items can hold.
    """
    weights = np.array(madrs.item_weights)
    if not 0 <= total <= madrs.item_cap * weights.size:
        msg = f"a MADRS total lies between 0 and {madrs.item_cap * weights.size}, not {total}"
        raise ValueError(msg)
    # Points arrive at each item as a Poisson process of the item's weight that ends at the cap; the first `total`
    # arrivals are drawing point by point among the items that still have room.
    arrivals = np.cumsum(generator.standard_exponential((weights.size, madrs.item_cap)), axis=1) / weights[:, None]
    first = np.argsort(arrivals, axis=None)[:total]
    items = np.bincount(first // madrs.item_cap, minlength=weights.size)
    return SyntheticMadrs(tuple(items.tolist()))


def _simulate_session(
    parameters: SyntheticParameters,
    participant: SyntheticParticipant,
    traits: _Traits,
    *,
    period: int,
    pretreatment: Pretreatment,
    seed: int,
) -> SyntheticSession:
    key = (participant.position, period)
    glx_generator = stream(seed, Stream.GLX, *key)
    glx_effect = float(glx_generator.standard_normal())
    glx_truth = _glx_truth(parameters, participant, traits, glx_effect, pretreatment)
    glx = glx_truth + glx_generator.normal(0, parameters.glx.block_noise_sd, size=glx_truth.size)
    before, after, second_rater = _madrs_totals(
        parameters,
        traits,
        stream(seed, Stream.MADRS, *key),
        glx_effect=glx_effect,
        period=period,
        pretreatment=pretreatment,
    )
    qids_generator = stream(seed, Stream.SELF_REPORT, *key)
    qids_before, qids_after = (
        _clip(
            parameters.qids_slope * total + qids_generator.normal(0, parameters.qids_noise_sd), parameters.qids_maximum
        )
        for total in (before, after)
    )
    guess = _guess(parameters, pretreatment, float(qids_generator.random()))
    cadss_peak, vital_signs, events = _safety(
        parameters.safety, traits, pretreatment, stream(seed, Stream.SAFETY, *key)
    )
    madrs_before, madrs_after = (
        split_total(total, stream(seed, Stream.MADRS_ITEMS, *key, occasion), parameters.madrs)
        for occasion, total in enumerate((before, after))
    )
    return SyntheticSession(
        participant=participant,
        period=period,
        day=participant.session_days[period - 1],
        pretreatment=pretreatment,
        madrs_before=madrs_before,
        madrs_after=madrs_after,
        second_rater_after=second_rater,
        qids_before=qids_before,
        qids_after=qids_after,
        glx_truth=tuple(glx_truth.tolist()),
        glx=tuple(glx.tolist()),
        cadss_peak=cadss_peak,
        vital_signs=vital_signs,
        adverse_events=events,
        guess=guess,
    )


def _madrs_totals(
    parameters: SyntheticParameters,
    traits: _Traits,
    generator: np.random.Generator,
    *,
    glx_effect: float,
    period: int,
    pretreatment: Pretreatment,
) -> tuple[int, int, int]:
    """Return the totals before, on day 1, and on day 1 by a second rater."""
    madrs, link = parameters.madrs, parameters.glx.response_correlation
    shift, response, noise_before, noise_after, noise_second = generator.standard_normal(5).tolist()
    maximum = madrs.item_cap * len(madrs.item_weights)
    state = (
        madrs.baseline_mean
        + madrs.between_person_sd * traits.severity
        + madrs.session_shift_sd * shift
        + (madrs.second_period_shift if period == 2 else 0)
    )
    fall = (
        madrs.day_1_fall[pretreatment]
        + madrs.person_response_sd * traits.response
        + madrs.session_response_sd * (link * glx_effect + (1 - link**2) ** 0.5 * response)
    )
    return (
        _clip(state + madrs.rating_noise_sd * noise_before, maximum),
        _clip(state - fall + madrs.rating_noise_sd * noise_after, maximum),
        _clip(state - fall + madrs.second_rater_noise_sd * noise_second, maximum),
    )


def _glx_truth(
    parameters: SyntheticParameters,
    participant: SyntheticParticipant,
    traits: _Traits,
    effect: float,
    pretreatment: Pretreatment,
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return Glx/tNAA of the blocks without measurement noise, shape (blocks,)."""
    glx = parameters.glx
    attenuation = glx.attenuation[participant.sex] if pretreatment is Pretreatment.NALTREXONE else 0.0
    level = glx.baseline_mean + glx.between_person_sd * traits.glx + glx.session_sd * effect
    return np.array([level + share * (glx.peak_rise - attenuation) for share in glx.block_profile])


def _safety(
    safety: SafetyParameters, traits: _Traits, pretreatment: Pretreatment, generator: np.random.Generator
) -> tuple[int, tuple[VitalSigns, ...], tuple[str, ...]]:
    """Return the peak CADSS, the vital signs and the names of the adverse events."""
    within = safety.cadss_within_correlation
    cadss = within**0.5 * traits.cadss + (1 - within) ** 0.5 * generator.standard_normal()
    systolic_rise, heart_rate_rise = generator.normal(*safety.systolic_rise), generator.normal(*safety.heart_rate_rise)
    systolic = safety.systolic_resting[0] + safety.systolic_resting[1] * traits.systolic
    heart_rate = safety.heart_rate_resting[0] + safety.heart_rate_resting[1] * traits.heart_rate
    vital_signs = tuple(
        VitalSigns(minute, round(systolic + share * systolic_rise), round(heart_rate + share * heart_rate_rise))
        for minute, share in zip(safety.vitals_minutes, safety.vitals_profile, strict=True)
    )
    events = tuple(
        name for name, probability in safety.adverse_events.items() if generator.random() < probability[pretreatment]
    )
    return _clip(safety.cadss_peak_mean + safety.cadss_peak_sd * cadss, safety.cadss_maximum), vital_signs, events


def _guess(parameters: SyntheticParameters, pretreatment: Pretreatment, draw: float) -> Guess:
    if draw < parameters.guess_unsure:
        return Guess.UNSURE
    if draw < parameters.guess_unsure + parameters.guess_right:
        return Guess(pretreatment)
    return Guess.PLACEBO if pretreatment is Pretreatment.NALTREXONE else Guess.NALTREXONE


def _clip(value: float, maximum: int) -> int:
    return min(max(round(value), 0), maximum)
