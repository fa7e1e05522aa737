"""How far our answers are from the reference's, as the largest relative difference of each kind of number."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from studyportal.reports.analysis.mixed import Coefficient, Fit, ModelError, fit, from_values, marginal_means

METHODS = {"Kenward-Roger": "kenward-roger", "Satterthwaite": "satterthwaite"}
# What counts as equal, by the kind of number.
BARS = {
    "estimate": 1e-4, "SE": 1e-4, "F": 1e-4, "SD": 1e-4, "p": 1e-3, "criterion": 1e-6, "structure": 0.0,
    "Kenward-Roger df": 1e-3, "Satterthwaite df, one": 1e-3, "Satterthwaite df, several": 5e-3,
}  # fmt: skip


def relative(ours: float, theirs: float, floor: float = 1e-12) -> float:
    """Return the relative difference; of numbers that are both nothing it is zero."""
    if math.isnan(ours) or math.isnan(theirs):
        return 0.0 if math.isnan(ours) and math.isnan(theirs) else math.inf
    return abs(ours - theirs) / max(abs(theirs), floor)


def number(value: object) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


def differences(
    case: Mapping[str, Any], answer: Mapping[str, Any], *, tukey: bool = True
) -> Iterator[tuple[str, float, str]]:
    """Yield (kind, relative difference, place) of every number of a case that both give."""
    table = from_values(case["columns"])
    for theirs, ours in METHODS.items():
        try:
            found = fit(table, case["formula"], method=ours, coding=case["coding"])  # type: ignore[arg-type]
        except ModelError as error:
            yield "structure", math.inf, f"refused: {error}"
            return
        yield from _of_method(found, answer[theirs], theirs, case, tukey=tukey)
    scale = found.variance[-1].sd
    # lme4 names what is nested from the inside, with parentheses: session:(id:site).
    sds = {frozenset(one.group.split(":")): one.sd for one in found.variance}
    for group, sd in zip([*answer["groups"], "Residual"], answer["sd"], strict=True):
        sd_here = sds[frozenset(group.translate({40: None, 41: None}).split(":"))]
        # A deviation that is nothing beside the residual's is compared as such.
        yield "SD", abs(sd_here - sd) / max(sd, 0.01 * scale), group
    yield "criterion", abs(found.criterion - answer["criterion"]) / max(1.0, abs(answer["criterion"])), "REML"
    yield "structure", math.inf if found.singular != answer["singular"] else 0.0, "singular"


def _of_method(
    found: Fit, answer: Mapping[str, Any], method: str, case: Mapping[str, Any], *, tukey: bool
) -> Iterator[tuple[str, float, str]]:
    terms = {one.term: one for one in found.terms}
    for theirs in answer["terms"]:
        ours = terms.get(theirs["name"])
        if ours is None:
            yield "structure", math.inf, f"no term {theirs['name']}"
            continue
        if theirs["df1"] is None:
            yield "structure", 0.0 if ours.df1 == 0 else math.inf, f"{theirs['name']} is inestimable"
            continue
        place = f"{method} {theirs['name']}"
        yield "structure", 0.0 if ours.df1 == theirs["df1"] else math.inf, f"df1 of {place}"
        yield "F", abs(ours.F - theirs["F"]) / max(theirs["F"], 1e-3), place
        yield _df_kind(method, ours.df1), relative(ours.df2, number(theirs["df2"])), place
        yield "p", abs(ours.p - number(theirs["p"])) / max(number(theirs["p"]), 1e-8), place
    coefficients = {one.name: one for one in found.coefficients}
    if set(coefficients) != {one["name"] for one in answer["coefficients"]}:
        yield (
            "structure",
            math.inf,
            f"names {sorted(set(coefficients) ^ {one['name'] for one in answer['coefficients']})}",
        )
        return
    yield from _coefficients(coefficients, answer["coefficients"], method, p=True)
    if "means" in answer:
        means = marginal_means(found, case["means"], adjustment="tukey" if tukey else "none")
        yield from _coefficients({one.name: one for one in means.means}, answer["means"], method, p=False)
        pairs = {one.name: one for one in means.pairs}
        yield from _coefficients(pairs, answer["pairs"], method, p=False)
        for one, adjusted in zip(answer["pairs"], means.adjusted if tukey else (), strict=tukey):
            yield "p", abs(adjusted - one["p"]) / max(one["p"], 1e-3), f"Tukey {one['name']}"


def _coefficients(
    ours: Mapping[str, Coefficient], theirs: list[Mapping[str, Any]], method: str, *, p: bool
) -> Iterator[tuple[str, float, str]]:
    for one in theirs:
        mine, place = ours[one["name"]], f"{method} {one['name']}"
        # An estimate that is nothing beside its error is compared with its error.
        yield "estimate", abs(mine.estimate - one["estimate"]) / max(abs(one["estimate"]), 0.01 * one["se"]), place
        yield "SE", relative(mine.se, one["se"]), place
        yield _df_kind(method, 1), relative(mine.df, one["df"]), place
        if p:
            yield "p", abs(mine.p - one["p"]) / max(one["p"], 1e-8), place


def _df_kind(method: str, df1: int) -> str:
    if method == "Kenward-Roger":
        return "Kenward-Roger df"
    return f"Satterthwaite df, {'one' if df1 == 1 else 'several'}"


def worst(case: Mapping[str, Any], answer: Mapping[str, Any], *, tukey: bool = True) -> dict[str, tuple[float, str]]:
    """Return the largest difference of each kind, with its place."""
    found: dict[str, tuple[float, str]] = defaultdict(lambda: (-1.0, ""))
    for kind, difference, place in differences(case, answer, tukey=tukey):
        if difference > found[kind][0]:
            found[kind] = (difference, place)
    return dict(found)
