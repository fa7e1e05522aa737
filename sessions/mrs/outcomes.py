"""What a course of concentrations says: the change from before a dose, the area under it, the effects of events.

Single transients are the observations; every estimate carries its standard error and 95 % limits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.special import stdtrit

from sessions.mrs.document import significant
from sessions.mrs.glm import BASELINE, LINEWIDTH, Design, Effect, Regression, contrast_weights, make_design, regress
from sessions.mrs.schedule import SECONDS_PER_MINUTE, Clock
from sessions.mrs.series import Values
from sessions.mrs.uncertainty import RATIOS, SUMS

Real = NDArray[np.floating[Any]]

# Linewidth and amplitude err together in one transient; smoothed, the linewidth's error has no say in the regression.
LINEWIDTH_SMOOTHED = 9
AMOUNTS = ("Glx", "Glu", "Gln", "tNAA", "tCr", "tCho", "Ins", "GABA", "GSH", "Lac", "Asp")
FEWEST_FOR_A_BASELINE = 2


def around_dose(clock: Clock) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which transients end before the dose, and which begin after its start."""
    assert clock.starts_s is not None
    assert clock.dose_minutes is not None
    begin = SECONDS_PER_MINUTE * clock.dose_minutes[0]
    return clock.starts_s + clock.length_s <= begin + 1e-6, clock.starts_s >= begin - 1e-6


def amount_rows(values: Values) -> dict[str, Real]:
    """Return the weights of every amount that the components allow."""
    rows: dict[str, Real] = {}
    for name in dict.fromkeys((*AMOUNTS, *(part for pair in RATIOS for part in pair))):
        parts = SUMS.get(name, (name,))
        row = np.array([1.0 if own in parts else 0.0 for own in values.names])
        if (values.amplitudes @ row).any():
            rows[name] = row
    return rows


def _courses(values: Values, usable: NDArray[np.bool_]) -> dict[str, Real]:
    """Return the time courses of ratios and amounts over single transients."""
    amounts: dict[str, Real] = {name: np.asarray(values.amplitudes @ row) for name, row in amount_rows(values).items()}
    courses: dict[str, Real] = {}
    for upper, lower in RATIOS:
        if upper in amounts and lower in amounts and (amounts[lower][usable] > 0).all():
            below = np.where(amounts[lower] > 0, amounts[lower], np.inf)
            courses[f"{upper}/{lower}"] = amounts[upper] / below
    return courses | {name: amounts[name] for name in AMOUNTS if name in amounts}


def glm_document(
    effects: dict[str, Real],
    values: Values,
    usable: NDArray[np.bool_],
    *,
    drift_order: int,
    linewidth: bool,
    contrasts: tuple[str, ...],
) -> dict[str, Any]:
    """Regress every ratio and amount on the effects.

    Parameters
    ----------
    effects
        Regressors of interest over all transients.
    values, usable
        Fits of all single transients, and which of them count.
    drift_order, linewidth
        Nuisances: polynomial drift, and the smoothed linewidth (the BOLD effect narrows lines).
    contrasts
        Combinations of effects.
    """
    count = len(usable)
    nuisances = {}
    if linewidth:
        filled = np.interp(np.arange(count), np.flatnonzero(usable), values.widths_hz[usable])
        nuisances[LINEWIDTH] = uniform_filter1d(filled, LINEWIDTH_SMOOTHED, mode="nearest")
    design = make_design(effects, nuisances, drift_order, count)
    combinations = {text: contrast_weights(text, design) for text in contrasts}
    outcomes = {}
    autocorrelation = {}
    for name, course in _courses(values, usable).items():
        found = regress(design, course, usable)
        outcomes[name] = _outcome(found, design, combinations)
        autocorrelation[name] = found.autocorrelation
    return {
        "regressors": list(design.names),
        "transients": int(usable.sum()),
        "degrees_of_freedom": int(usable.sum()) - len(design.names),
        "outcomes": outcomes,
        "autocorrelation": autocorrelation,
    }


def _outcome(found: Regression, design: Design, contrasts: dict[str, Real]) -> dict[str, Any]:
    unit = np.eye(len(design.names))
    base = found.effect(unit[design.names.index(BASELINE)])
    told = {
        name: _effect(found.effect(unit[index]), base.estimate)
        for index, name in enumerate(design.names)
        if name != BASELINE
    }
    return {
        BASELINE: _effect(base, None),
        "regressors": told,
        "contrasts": {text: _effect(found.effect(weights), base.estimate) for text, weights in contrasts.items()},
        "residual_sd": significant(found.residual_sd),
    }


def _effect(effect: Effect, base: float | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "estimate": significant(effect.estimate),
        "se": significant(effect.se),
        "ci95": [significant(effect.low), significant(effect.high)],
        "p": significant(effect.p, 4),
    }
    if base is not None and base > 0:
        told["percent"] = significant(100 * effect.estimate / base, 4)
        told["percent_ci95"] = [significant(100 * effect.low / base, 4), significant(100 * effect.high / base, 4)]
    return told


def dose_document(
    every: Values, usable: NDArray[np.bool_], clock: Clock, entries: list[dict[str, Any]]
) -> dict[str, Any]:
    """Add the change from before the dose to the entries; return baseline, mean change and area under the change."""
    before, after = (part & usable for part in around_dose(clock))
    if before.sum() < FEWEST_FOR_A_BASELINE or not after.any():
        return {"predose": None, "change_after_dose": None}
    courses = _courses(every, usable)
    base = {name: float(course[before].mean()) for name, course in courses.items()}
    for entry in entries:
        entry["change_percent"] = {
            name: significant(100 * (told["value"] / base[name] - 1), 4)
            for name, told in entry["ratios"].items()
            if told["value"] is not None and base.get(name, 0) > 0
        }
    minutes = float(around_dose(clock)[1].sum()) * clock.length_s / SECONDS_PER_MINUTE
    changes = {
        name: _change(courses[name][before], courses[name][after], minutes) for name in courses if base[name] > 0
    }
    return {
        "predose": {
            "transients": [int(index) for index in np.flatnonzero(before)],
            "values": {name: significant(value) for name, value in base.items()},
        },
        "change_after_dose": changes,
    }


def _change(before: Real, after: Real, minutes: float) -> dict[str, Any]:
    """Return the mean change in percent and its area (percent x minutes), with standard errors from the scatter.

    The area under the change over the time that was measured is its mean times that time. The scatter is taken from the
    differences of neighbours (von Neumann 1941, Ann Math Stat 12:367-395), so that the course itself is no noise; the
    limits are those of the ratio of two means by the delta method.
    """
    a, b = float(after.mean()), float(before.mean())
    steps = np.concatenate([np.diff(before), np.diff(after)])
    pooled = float((steps**2).mean()) / 2
    # Such an estimate has two thirds of the degrees of freedom.
    freedom = max(1, round(2 * len(steps) / 3))
    percent = 100 * (a / b - 1)
    se = 100 * float(np.sqrt(pooled / len(after) / b**2 + pooled / len(before) * a**2 / b**4))
    reach = float(stdtrit(freedom, 0.975)) * se

    def told(factor: float) -> dict[str, Any]:
        return {
            "value": significant(percent * factor, 4),
            "se": significant(se * factor, 4),
            "ci95": [significant((percent - reach) * factor, 4), significant((percent + reach) * factor, 4)],
        }

    return {"percent": told(1.0), "auc_percent_minutes": told(minutes), "minutes": round(minutes, 4)}
