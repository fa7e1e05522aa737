"""The figures of the study's progress, all pooled: nothing by treatment, sequence, period, or participant.

A difference between a participant's periods is nearly the treatment effect, so no figure here keeps the two together.
"""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import plotly.graph_objects as go

from studyportal.reports.figures import Figure, Table, axis, framed, label, scatter
from studyportal.reports.rows import MadrsRow, ParticipantRow, QualityRow, SessionRow


@dataclass(frozen=True, slots=True)
class Plan:
    """Recruitment as planned: by when how many, in all and by site."""

    starts_on: datetime.date
    ends_on: datetime.date
    target: int
    sites: tuple[tuple[str, str, int], ...]
    """Code, name and target of each site."""


@dataclass(frozen=True, slots=True)
class Window:
    """How many of something done lay in its window."""

    words: str
    kept: int
    of: int

    @property
    def percent(self) -> int | None:
        """Share kept, None without any."""
        return round(100 * self.kept / self.of) if self.of else None


def recruitment_figure(people: Sequence[ParticipantRow], plan: Plan, today: datetime.date) -> Figure:
    """Return randomized participants over time against the plan, with a projection at the present pace."""
    days = sorted(one.randomized_at.date() for one in people if one.randomized_at is not None)
    reached = projection(days, plan, today)
    by_site = Counter(one.site for one in people if one.randomized_at is not None)
    return Figure(
        name="recruitment",
        title="Recruitment against target",
        finding=_recruitment_finding(len(days), plan, reached, today),
        table=Table(
            ("Site", "Randomized", "Target"),
            (
                *((f"{code} {name}", by_site[code], target) for code, name, target in plan.sites),
                ("All", len(days), plan.target),
            ),
        ),
        data=Table(("date", "randomized"), tuple((day.isoformat(), n) for n, day in enumerate(days, start=1))),
        plot=lambda: _recruitment_plot(days, plan, reached, today),
    )


def projection(days: Sequence[datetime.date], plan: Plan, today: datetime.date) -> datetime.date | None:
    """Return the day on which the target is reached at the pace since the start; None while there is no pace."""
    left = plan.target - len(days)
    elapsed = (today - plan.starts_on).days
    if left <= 0 or not days or elapsed < 1:
        return None
    return today + datetime.timedelta(days=round(left * elapsed / len(days)))


def madrs_windows(ratings: Sequence[MadrsRow]) -> Window:
    """Return how many signed MADRS began in their window."""
    known = [one.is_in_window for one in ratings if one.is_in_window is not None]
    return Window("MADRS begun in their window", sum(known), len(known))


def washouts(sessions: Sequence[SessionRow], minimum_days: int) -> Window:
    """Return how many second infusions came after the washout."""
    starts: dict[str, list[datetime.datetime]] = {}
    for one in sessions:
        if one.infusion_started_at is not None:
            starts.setdefault(one.participant, []).append(one.infusion_started_at)
    gaps = [max(own) - min(own) for own in starts.values() if len(own) > 1]
    kept = sum(gap >= datetime.timedelta(days=minimum_days) for gap in gaps)
    return Window(f"Washouts of at least {minimum_days} days", kept, len(gaps))


def quality_figures(rows: Sequence[QualityRow], ratio: str) -> tuple[Figure, ...]:
    """Return signal, line width and precision of the spectra over time."""
    return tuple(
        _quality_figure(
            name, title, words, [(row, value) for row in rows if (value := getattr(row, field)) is not None]
        )
        for name, title, words, field in (
            ("snr", "Signal to noise", "SNR", "snr"),
            ("fwhm", "Line width", "FWHM (Hz)", "fwhm_hz"),
            ("crlb", f"Precision of {ratio}", "CRLB (%)", "crlb_percent"),
        )
    )


def _recruitment_finding(n: int, plan: Plan, reached: datetime.date | None, today: datetime.date) -> str:
    share = min(1.0, max(0.0, (today - plan.starts_on).days / max(1, (plan.ends_on - plan.starts_on).days)))
    told = f"{n} of {plan.target} participants are randomized; the plan for today is {round(share * plan.target)}."
    if n >= plan.target:
        return f"{n} of {plan.target} participants are randomized: the target is reached."
    if reached is None:
        return told
    by = f"{reached.day} {reached:%b %Y}"
    late = (reached - plan.ends_on).days
    if late > 0:
        return f"{told} At the present pace the target is reached on {by}, {late} days after the planned end."
    return f"{told} At the present pace the target is reached on {by}, in time."


def _recruitment_plot(
    days: Sequence[datetime.date], plan: Plan, reached: datetime.date | None, today: datetime.date
) -> go.Figure:
    steps = [plan.starts_on, *days, max(today, *days) if days else today]
    counts = [*range(len(days) + 1), len(days)]
    traces = [
        scatter(
            "quiet", x=[_day(plan.starts_on), _day(plan.ends_on)], y=[0, plan.target], mode="lines",
            line={"dash": "dash", "width": 2}, hoverinfo="skip",
        ),
        scatter(
            "a", x=[_day(day) for day in steps], y=counts, mode="lines", line={"shape": "hv", "width": 3},
            hovertemplate="%{x|%d %b %Y}: %{y} randomized<extra></extra>",
        ),
    ]  # fmt: skip
    labels = [
        label(_day(plan.ends_on), plan.target, f"target {plan.target}", xanchor="right", yshift=12),
        label(_day(steps[-1]), len(days), f"{len(days)} randomized", xshift=8, yshift=-14, font={"weight": 700}),
    ]
    if reached is not None:
        traces.append(
            scatter(
                "a", x=[_day(today), _day(reached)], y=[len(days), plan.target], mode="lines",
                line={"dash": "dot", "width": 2}, hovertemplate="projection %{x|%d %b %Y}<extra></extra>",
            )
        )  # fmt: skip
    return framed(
        traces,
        annotations=labels,
        xaxis={"type": "date", "zeroline": False},
        yaxis=axis("Participants", range=[0, max(plan.target, len(days)) * 1.12]),
    )


def _quality_figure(name: str, title: str, words: str, measured: Sequence[tuple[QualityRow, float]]) -> Figure:
    values = [found for _, found in measured]
    limits = _limits(values)
    return Figure(
        name=name,
        title=title,
        finding=_quality_finding(measured, values, limits),
        table=Table(
            ("Acquired", "Site", words, "Verdict"),
            tuple((_day(row.acquired_at.date()), row.site, round(found, 2), _verdict(row)) for row, found in measured),
        ),
        plot=(lambda: _quality_plot(measured, words, limits)) if values else None,
    )


def _quality_finding(
    measured: Sequence[tuple[QualityRow, float]], values: Sequence[float], limits: tuple[float, float, float] | None
) -> str:
    if not values:
        return "No spectrum has been quantified yet."
    outside = 0 if limits is None else sum(not limits[0] <= found <= limits[1] for found in values)
    failed = sum(_verdict(row) != "usable" for row, _ in measured)
    reach = f"mean {fmean(values):.1f}, from {min(values):.1f} to {max(values):.1f}"
    return (
        f"{len(values)} spectra: {reach}; {outside} outside three standard deviations, {failed} not usable or rejected."
    )


def _quality_plot(
    measured: Sequence[tuple[QualityRow, float]], words: str, limits: tuple[float, float, float] | None
) -> go.Figure:
    good = [(row, found) for row, found in measured if _verdict(row) == "usable"]
    failed = [(row, found) for row, found in measured if _verdict(row) != "usable"]
    traces = [
        scatter(
            role, x=[_day(row.acquired_at.date()) for row, _ in points], y=[found for _, found in points],
            mode="markers", marker=marker, hovertemplate=f"%{{x|%d %b %Y}}: %{{y:.1f}}<extra>{verdict}</extra>",
        )
        for role, points, marker, verdict in (
            ("a", good, {"symbol": "circle", "size": 8}, "usable"),
            ("danger", failed, {"symbol": "x-open", "size": 11, "line": {"width": 2}}, "not usable"),
        )
        if points
    ]  # fmt: skip
    lines, labels = [], []
    if limits is not None:
        for level, text in zip(limits, ("−3 SD", "+3 SD", "mean"), strict=True):
            if level < 0:
                continue
            lines.append({
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "name": "quiet",
                "line": {"width": 1, "dash": "solid" if text == "mean" else "dash"},
            })  # fmt: skip
            labels.append(label(1, level, text, xref="paper", xshift=6))
    return framed(
        traces,
        shapes=lines,
        annotations=labels,
        margin={"t": 12, "b": 44, "l": 60, "r": 64},
        xaxis={"type": "date", "zeroline": False},
        yaxis=axis(words),
    )


def _limits(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Return mean minus and plus three standard deviations, and the mean; None for fewer than five values."""
    if len(values) < 5:
        return None
    mean, spread = fmean(values), stdev(values)
    return mean - 3 * spread, mean + 3 * spread, mean


def _verdict(row: QualityRow) -> str:
    if row.review == "reject":
        return "rejected"
    return "usable" if row.is_usable else "not usable"


def _day(day: datetime.date) -> str:
    return day.isoformat()
