"""What the unblinded report draws: traces and layout only; the numbers come from `unblinded_figures`."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from studyportal.reports.analysis import Estimate, Proportion, SeriesPoint
from studyportal.reports.figures import DASHES, ROLES, SHAPES, axis, framed, label, scatter
from studyportal.reports.outcomes import Pair

PANELS = {"F": "", "M": "2"}
BOLD = {"weight": 700}
"""Not the tag <b>: Plotly turns that into an inline style, which the page's policy refuses."""

DOMAINS = ([0.0, 0.3], [0.35, 0.65], [0.78, 1.0])


def slopes(
    found: Sequence[Pair], estimates: Mapping[str, Estimate], treatments: tuple[str, str], sequences: Sequence[str]
) -> go.Figure:
    """Draw one line a participant from treatment to treatment, a panel a sex, and the differences beside them."""
    traces = []
    for sex, panel in PANELS.items():
        own = [pair for pair in found if pair.sex == sex]
        traces += _panel(own, panel, treatments, sequences) if own else []
    groups = list(estimates)
    traces.append(
        scatter(
            "ink", x=[one.value for one in estimates.values()], y=groups, mode="markers", xaxis="x3", yaxis="y3",
            marker={"symbol": "diamond", "size": 11},
            error_x={
                "type": "data", "symmetric": False, "thickness": 2, "width": 6,
                "array": [one.upper - one.value for one in estimates.values()],
                "arrayminus": [one.value - one.lower for one in estimates.values()],
            },
            hovertemplate="%{y}: %{x:.1f} points<extra></extra>",
        )
    )  # fmt: skip
    ticks = {"tickvals": [0, 1], "ticktext": [_broken(name) for name in treatments], "range": [-0.35, 1.35]}
    titles = [
        label(sum(domain) / 2, 1.06, text, xref="paper", yref="paper", xanchor="center", font={"size": 15})
        for domain, text in zip(DOMAINS, ("Women", "Men", "Difference (95 % CI)"), strict=True)
    ]
    return framed(
        traces,
        annotations=titles,
        shapes=[_line("x3", 0, "y3 domain")],
        margin={"t": 44, "b": 64, "l": 64, "r": 24},
        xaxis={"domain": DOMAINS[0], "zeroline": False, "showgrid": False, **ticks},
        xaxis2={"domain": DOMAINS[1], "anchor": "y2", "zeroline": False, "showgrid": False, **ticks},
        xaxis3=axis("MADRS points", domain=DOMAINS[2], anchor="y3"),
        yaxis=axis("Change in MADRS points"),
        yaxis2={"matches": "y", "anchor": "x2", "showticklabels": False, "zeroline": False},
        yaxis3={"anchor": "x3", "autorange": "reversed", "showgrid": False, "zeroline": False},
    )


def course(
    points: Sequence[SeriesPoint],
    minutes: Mapping[int, float],
    treatments: tuple[str, str],
    *,
    infusion_minutes: float,
    ratio: str,
) -> go.Figure:
    """Draw the mean of each treatment over time with its interval, the infusion shaded."""
    traces, labels = [], []
    ends = {}
    for order, treatment in enumerate(treatments):
        own = [point for point in points if point.treatment == treatment]
        if not own:
            continue
        x = [minutes[point.block] for point in own]
        shift = (-0.35, 0.35)[order]  # so that the bars of both treatments stay apart
        traces.append(
            scatter(
                ROLES[order], x=[value + shift for value in x], y=[point.mean for point in own], mode="lines+markers",
                name=treatment, line={"dash": DASHES[order], "width": 2.5},
                marker={"symbol": SHAPES[order], "size": 10},
                error_y={
                    "type": "data", "symmetric": False, "thickness": 1.5, "width": 4,
                    "array": [(p.upper or p.mean) - p.mean for p in own],
                    "arrayminus": [p.mean - (p.lower or p.mean) for p in own],
                },
                hovertemplate="%{x:.0f} min: %{y:.3f}<extra>" + treatment + "</extra>",
            )
        )  # fmt: skip
        ends[treatment] = (x[-1], own[-1].mean)
    apart = _apart([mean for _, mean in ends.values()], _reach(points))
    for (treatment, (x_end, _)), y in zip(ends.items(), apart, strict=True):
        labels.append(label(x_end, y, treatment, xshift=14, font=BOLD))
    labels.append(
        label(infusion_minutes / 2, 1.0, "infusion", yref="paper", xanchor="center", yanchor="bottom", yshift=2)
    )
    return framed(
        traces,
        annotations=labels,
        shapes=[
            {
                "type": "rect", "xref": "x", "yref": "paper", "x0": 0, "x1": infusion_minutes, "y0": 0, "y1": 1,
                "line": {"width": 0}, "layer": "below", "name": "tint",
            }
        ],
        margin={"t": 32, "b": 60, "l": 72, "r": 150},
        xaxis=axis("Minutes from the start of the infusion"),
        yaxis=axis(ratio),
    )  # fmt: skip


def responders(counted: Sequence[tuple[str, str, Proportion]], treatments: tuple[str, str]) -> go.Figure:
    """Draw each outcome's share by treatment as a dot with its interval and the count in words."""
    traces, labels, ticks = [], [], []
    for line, (outcome, treatment, share) in enumerate(counted):
        y = -line - (0.5 if outcome != counted[0][0] else 0)
        order = treatments.index(treatment)
        traces.append(
            scatter(
                ROLES[order], x=[100 * share.value], y=[y], mode="markers",
                marker={"symbol": SHAPES[order], "size": 13}, cliponaxis=False,
                error_x={
                    "type": "data", "symmetric": False, "thickness": 2, "width": 6,
                    "array": [100 * (share.upper - share.value)], "arrayminus": [100 * (share.value - share.lower)],
                },
                hovertemplate=f"{outcome}, {treatment}: %{{x:.0f}} %<extra></extra>",
            )
        )  # fmt: skip
        labels.append(label(1, y, f"{share.successes} of {share.n}", xref="paper", xshift=14))
        ticks.append((y, f"{outcome}, {treatment}"))
    return framed(
        traces,
        annotations=labels,
        margin={"t": 12, "b": 60, "l": 210, "r": 84},
        xaxis=axis("Per cent of sessions with both ratings", range=[0, 100], ticksuffix=" %"),
        yaxis={
            "tickvals": [y for y, _ in ticks], "ticktext": [text for _, text in ticks], "zeroline": False,
            "showgrid": False, "range": [min(y for y, _ in ticks) - 0.6, 0.6],
        },
    )  # fmt: skip


def _panel(own: Sequence[Pair], panel: str, treatments: tuple[str, str], sequences: Sequence[str]) -> list[go.Scatter]:
    axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
    x: list[float | None] = []
    y: list[float | None] = []
    for pair in own:
        x += [0, 1, None]
        y += [pair.reference, pair.interest, None]
    traces = [scatter("quiet", x=x, y=y, mode="lines", line={"width": 1}, opacity=0.55, hoverinfo="skip", **axes)]
    for order, treatment in enumerate(treatments):
        for shape, sequence in zip(SHAPES, sequences, strict=False):
            given = [pair for pair in own if pair.sequence == sequence]
            numbers = [pair.participant for pair in given]
            values = [pair.interest if order else pair.reference for pair in given]
            traces.append(
                scatter(
                    ROLES[order], x=[order] * len(values), y=values, mode="markers", text=numbers,
                    marker={"symbol": f"{shape}-open", "size": 8, "line": {"width": 1.6}}, **axes,
                    hovertemplate="%{text} (" + sequence + "): %{y} points<extra>" + treatment + "</extra>",
                )
            )  # fmt: skip
        every = [pair.interest if order else pair.reference for pair in own]
        traces.append(
            scatter(
                ROLES[order], x=[order + (0.16 if order else -0.16)], y=[fmean(every)], mode="markers",
                marker={"symbol": "diamond", "size": 15},
                hovertemplate=f"Mean of {len(every)}: %{{y:.1f}} points<extra>{treatment}</extra>", **axes,
            )
        )  # fmt: skip
    return traces


def _apart(values: Sequence[float], reach: float) -> list[float]:
    """Push labels apart that would overlap."""
    if len(values) == 2 and abs(values[0] - values[1]) < reach * 0.09:
        middle, half = fmean(values), reach * 0.045
        return [middle + half, middle - half] if values[0] >= values[1] else [middle - half, middle + half]
    return list(values)


def _reach(points: Sequence[SeriesPoint]) -> float:
    limits = [limit for point in points for limit in (point.lower or point.mean, point.upper or point.mean)]
    return max(limits) - min(limits)


def _line(xref: str, x: float, yref: str) -> dict[str, object]:
    return {
        "type": "line", "xref": xref, "yref": yref, "x0": x, "x1": x, "y0": 0, "y1": 1, "name": "quiet",
        "line": {"width": 1, "dash": "dot"},
    }  # fmt: skip


def _broken(name: str) -> str:
    return name.replace(" ", "<br>", 1)
