"""The figures of the unblinded report: MADRS slopes, the metabolite's time course, responders. From rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from studyportal.reports import number_words as words
from studyportal.reports.analysis import (
    Estimate,
    Measurement,
    SeriesPoint,
    by_subgroup,
    is_response,
    plain_series,
    wilson,
    within_participant_series,
)
from studyportal.reports.figures import Figure, Table
from studyportal.reports.outcomes import (
    Pair,
    SessionChange,
    madrs_changes,
    middles,
    pairs,
    ratio_changes,
    usable_blocks,
)
from studyportal.reports.rows import UnblindedMadrsRow, UnblindedQuantificationRow
from studyportal.reports.unblinded_plots import course, responders, slopes

ADJUSTED = "adjusted for the period, a difference of"
SEXES = {"F": "Women", "M": "Men"}


@dataclass(frozen=True, slots=True)
class Design:
    """What the figures need of the study: two treatments in the order of their codes, doses, thresholds.

    `reference` comes first; differences are `interest` minus `reference`. `protocol_version`: the signed version of the
    analysis protocol, whose results alone count; None while none is signed.
    """

    reference: str
    interest: str
    sequences: tuple[str, ...]
    infusion_minutes: float
    ratio: str
    remission_threshold: int
    protocol_version: int | None = None

    @property
    def treatments(self) -> tuple[str, str]:
        """Both treatments, the reference first."""
        return self.reference, self.interest


def estimates_of(found: Sequence[Pair]) -> dict[str, Estimate]:
    """Return the period-adjusted difference of all and of each sex; what is too small for one is left out."""
    by_sex = by_subgroup((SEXES[pair.sex], pair.outcome) for pair in sorted(found, key=lambda pair: pair.sex))
    everybody = by_subgroup(("All", pair.outcome) for pair in found)
    return {group: estimate for group, estimate in {**by_sex, **everybody}.items() if estimate is not None}


def madrs_figure(rows: Sequence[UnblindedMadrsRow], design: Design) -> Figure:
    """Return paired MADRS changes by treatment, women and men beside each other, with the differences."""
    found = pairs(madrs_changes(rows), reference=design.reference, interest=design.interest)
    estimates = estimates_of(found)
    return Figure(
        name="madrs",
        title="MADRS change to day 1, paired by participant",
        finding=_madrs_finding(found, estimates, design),
        table=_difference_table(found, estimates, design),
        data=Table(
            ("participant", "sex", "sequence", *(f"change {name}" for name in design.treatments)),
            tuple((p.participant, p.sex, p.sequence, p.reference, p.interest) for p in found),
        ),
        plot=(lambda: slopes(found, estimates, design.treatments, design.sequences)) if found else None,
        notes=(
            "Change is day 1 minus pre-dose of the same session; lower is better. Each line is one participant.",
            "Hollow circles: sequence " + ", hollow squares: sequence ".join(design.sequences) + ". Diamonds: means.",
            "Difference: Hills and Armitage, adjusted for the period; two intervals side by side test no interaction.",
        ),
        is_tall=True,
    )


def course_figure(rows: Sequence[UnblindedQuantificationRow], design: Design) -> Figure:
    """Return the metabolite ratio's mean by treatment and block, with the infusion shaded."""
    blocks = usable_blocks(rows, design.ratio)
    measurements = [Measurement(row.participant, row.treatment, row.block or 0, row.value or 0.0) for row in blocks]
    points = _series(measurements)
    at = middles(blocks)
    minutes = {
        number: fmean(minute for (_, _, block), minute in at.items() if block == number)
        for number in {block for _, _, block in at}
    }
    found = pairs(ratio_changes(blocks), reference=design.reference, interest=design.interest)
    estimates = estimates_of(found)
    return Figure(
        name="course",
        title=f"{design.ratio} over the session, by treatment",
        finding=_course_finding(found, estimates, design),
        table=Table(
            ("Treatment", "Block", "Minute (middle)", "n", "Mean", "95 % CI from", "to"),
            tuple(
                (p.treatment, p.block, round(minutes[p.block], 1), p.n, round(p.mean, 4), _to(p.lower), _to(p.upper))
                for p in points
            ),
        ),
        plot=(
            lambda: course(
                points, minutes, design.treatments, infusion_minutes=design.infusion_minutes, ratio=design.ratio
            )
        )
        if points
        else None,
        notes=(
            f"Participants with every block of both sessions; protocol version {design.protocol_version} counts.",
            "Bars: 95 % intervals without the differences between people (Cousineau 2005, Morey 2008).",
        ),
    )


def response_figure(rows: Sequence[UnblindedMadrsRow], design: Design) -> Figure:
    """Return responders and remitters by treatment with Wilson's intervals."""
    changes = madrs_changes(rows)
    counted = []
    for name, rule in (("Response", _responded), ("Remission", _remitted)):
        for treatment in design.treatments:
            own = [one for one in changes if one.treatment == treatment and one.before > 0]
            if own:
                counted.append((name, treatment, wilson(sum(rule(one, design) for one in own), len(own))))
    sentences = [f"{name} under {treatment}: {words.share(share)}." for name, treatment, share in counted]
    return Figure(
        name="response",
        title="Response and remission on day 1",
        finding=" ".join(sentences) or "No session has both ratings yet.",
        table=Table(
            ("Outcome", "Treatment", "Count", "n", "Per cent", "95 % CI from", "to"),
            tuple(
                (name, treatment, p.successes, p.n, *(round(100 * v, 1) for v in (p.value, p.lower, p.upper)))
                for name, treatment, p in counted
            ),
        ),
        plot=(lambda: responders(counted, design.treatments)) if counted else None,
        notes=(
            f"Response: the total fell by at least half. Remission: a total of {design.remission_threshold} or less.",
            "Bars: Wilson's 95 % intervals.",
        ),
    )


def _series(measurements: Sequence[Measurement]) -> list[SeriesPoint]:
    """Prefer intervals within participants; while nobody has every block, plain ones."""
    if len({(row.treatment, row.block) for row in measurements}) < 2:
        return plain_series(measurements)
    return within_participant_series(measurements) or plain_series(measurements)


def _responded(one: SessionChange, design: Design) -> bool:
    del design
    return is_response(one.before, one.after)


def _remitted(one: SessionChange, design: Design) -> bool:
    return one.after <= design.remission_threshold


def _to(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _madrs_finding(found: Sequence[Pair], estimates: dict[str, Estimate], design: Design) -> str:
    if not found:
        return "No participant has both sessions rated yet."
    means = [fmean(p.reference for p in found), fmean(p.interest for p in found)]
    told = (
        f"In {len(found)} participants the MADRS changed by {words.signed(means[0])} points under "
        f"{design.reference} and by {words.signed(means[1])} under {design.interest}"
    )
    if "All" not in estimates:
        return f"{told}; too few for an interval."
    everybody = estimates["All"]
    return f"{told}: {ADJUSTED} {words.interval(everybody)}, {words.p_words(everybody.p_value)}."


def _course_finding(found: Sequence[Pair], estimates: dict[str, Estimate], design: Design) -> str:
    if design.protocol_version is None:
        return "The analysis protocol is not signed: no spectrum counts for the primary outcome yet."
    if not found:
        return "No participant has usable spectra of both sessions yet."
    means = [fmean(p.reference for p in found), fmean(p.interest for p in found)]
    told = (
        f"In {len(found)} participants {design.ratio} changed during the infusion by {words.signed(means[0], 3)} under "
        f"{design.reference} and by {words.signed(means[1], 3)} under {design.interest}"
    )
    if "All" not in estimates:
        return f"{told}; too few for an interval."
    everybody = estimates["All"]
    return f"{told}: {ADJUSTED} {words.interval(everybody, 3)}, {words.p_words(everybody.p_value)}."


def _difference_table(found: Sequence[Pair], estimates: dict[str, Estimate], design: Design) -> Table:
    lines: list[tuple[str | int | float | None, ...]] = []
    for group, estimate in estimates.items():
        own = [p for p in found if group in {"All", SEXES[p.sex]}]
        means = (fmean(p.reference for p in own), fmean(p.interest for p in own))
        values = (*means, estimate.value, estimate.lower, estimate.upper)
        lines.append((group, estimate.n, *(round(value, 2) for value in values), round(estimate.p_value, 4)))
    columns = (
        "Group", "n", *(f"Mean change, {name}" for name in design.treatments), "Difference", "95 % CI from", "to", "P",
    )  # fmt: skip
    return Table(columns, tuple(lines))
