"""Plotly figures of a quantification: the course with its quality strip, the drift of transients, their stacks.

Rows in, figures out; colours are roles that the page's script resolves. Nothing here knows a period or a treatment.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sessions.fits import Point

Figure = dict[str, Any]
STACK_STEP = 0.35


def course_figure(
    points: Sequence[Point],
    primary: str,
    *,
    shaded_minutes: float | None,
    origin: str,
    quality: Sequence[Mapping[str, Any]] = (),
) -> Figure:
    """Return the course of the primary ratio with CRLB error bars, the infusion shaded, and SNR and linewidth below.

    `quality` holds the quality values of each block, in the blocks' order.
    """
    shown = [point for point in points if point.value is not None and point.minutes is not None]
    strip = [(point, quality[point.block]) for point in shown if point.block < len(quality)]
    has_strip = any(one.get("snr") is not None for _, one in strip)
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": f"Minutes from the start of the {origin}"}, "zeroline": False, "anchor": "y3"},
        "yaxis": {"title": {"text": primary}, "zeroline": False, "domain": [0.46, 1.0] if has_strip else [0.0, 1.0]},
        "showlegend": False,
    }
    if not has_strip:
        layout["xaxis"].pop("anchor")
    if shaded_minutes:
        layout["shapes"] = [{
            "type": "rect", "xref": "x", "yref": "paper", "x0": 0, "x1": shaded_minutes, "y0": 0, "y1": 1,
            "layer": "below", "line": {"width": 0}, "name": "tint",
        }]  # fmt: skip
        layout["annotations"] = [{
            "xref": "x", "yref": "paper", "x": shaded_minutes / 2, "y": 1.0, "yanchor": "bottom", "text": "Infusion",
            "showarrow": False,
        }]  # fmt: skip
    traces: list[Figure] = [{
        "type": "scatter", "mode": "lines+markers", "name": primary, "meta": {"role": "a"},
        "x": [point.minutes for point in shown], "y": [point.value for point in shown],
        "error_y": {"type": "data", "array": [point.error for point in shown], "visible": True, "thickness": 1.5},
        "marker": {"size": 9}, "hovertemplate": "%{x:.0f} min: %{y:.3f}<extra></extra>",
    }]  # fmt: skip
    if has_strip:
        minutes = [point.minutes for point, _ in strip]
        layout["yaxis2"] = {"title": {"text": "SNR"}, "domain": [0.22, 0.36], "rangemode": "tozero", "nticks": 3}
        layout["yaxis3"] = {"title": {"text": "FWHM"}, "domain": [0.0, 0.14], "rangemode": "tozero", "nticks": 3}
        for axis, key, unit in (("y2", "snr", "SNR %{y:.0f}"), ("y3", "fwhm_hz", "FWHM %{y:.1f} Hz")):
            traces.append({
                "type": "scatter", "mode": "lines+markers", "name": key, "yaxis": axis, "meta": {"role": "quiet"},
                "x": minutes, "y": [one.get(key) for _, one in strip], "marker": {"size": 6, "symbol": "square"},
                "line": {"width": 1.5}, "hovertemplate": f"%{{x:.0f}} min: {unit}<extra></extra>",
            })  # fmt: skip
    return {"data": traces, "layout": layout}


DRIFT_PANELS = (
    ("shift_hz", "Frequency (Hz)", "Hz"), ("phase_deg", "Phase (degrees)", "degrees"),
    ("width_change_hz", "Linewidth (Hz)", "Hz wider than the median"),
)  # fmt: skip


def drift_figure(transients: Mapping[str, Any]) -> Figure:
    """Return how frequency, phase and linewidth moved over the transients; what was left out is ringed."""
    panels = [(key, title, unit) for key, title, unit in DRIFT_PANELS if transients.get(key)]
    count = len(transients.get("shift_hz", ()))
    rejected = [index for index in transients.get("rejected", []) if index < count]
    numbers = list(range(1, count + 1))
    height, gap = 1 / max(1, len(panels)), 0.08
    traces: list[Figure] = []
    layout: dict[str, Any] = {"showlegend": False}
    for place, (key, title, unit) in enumerate(panels):
        name = "" if place == 0 else str(place + 1)
        top = 1 - place * height
        layout[f"yaxis{name}"] = {"title": {"text": title}, "domain": [round(top - height + gap, 3), round(top, 3)]}
        values = transients[key]
        traces.append({
            "type": "scatter", "mode": "lines+markers", "yaxis": f"y{name}", "meta": {"role": "a"}, "x": numbers,
            "y": values, "name": title, "marker": {"size": 5}, "line": {"width": 1.2},
            "hovertemplate": f"Transient %{{x}}: %{{y:.2f}} {unit}<extra></extra>",
        })  # fmt: skip
        traces.append({
            "type": "scatter", "mode": "markers", "yaxis": f"y{name}", "meta": {"role": "danger"}, "name": "left out",
            "x": [index + 1 for index in rejected], "y": [values[index] for index in rejected],
            "marker": {"size": 13, "symbol": "circle-open", "line": {"width": 2}},
            "hovertemplate": "Transient %{x}: left out<extra></extra>",
        })  # fmt: skip
    last = "" if len(panels) < 2 else str(len(panels))
    layout["xaxis"] = {"title": {"text": "Transient"}, "zeroline": False, "anchor": f"y{last}", "range": [0, count + 1]}
    return {"data": traces, "layout": layout}


def stack_figure(picture: Mapping[str, Any]) -> Figure:
    """Return the transients as they came and as they were aligned, side by side, the first one at the top."""
    ppm, numbers = picture["ppm"], picture["numbers"]
    even = {"x0": ppm[0], "dx": round((ppm[-1] - ppm[0]) / (len(ppm) - 1), 6)}
    traces: list[Figure] = []
    for axis, key in (("x", "before"), ("x2", "after")):
        for place, (row, kept) in enumerate(zip(picture[key], picture["is_kept"], strict=True)):
            traces.append({
                "type": "scatter", "mode": "lines", "xaxis": axis, "meta": {"role": "a" if kept else "danger"}, **even,
                "hoverinfo": "skip", "y": [round(value - STACK_STEP * place, 2) for value in row], "line": {"width": 1},
                "name": f"{numbers[place]}" if kept else f"{numbers[place]}, left out",
            })  # fmt: skip
    edge = [max(ppm), min(ppm)]
    step = -(-len(numbers) // 8)
    layout = {
        "xaxis": {"title": {"text": "Before alignment (ppm)"}, "range": edge, "domain": [0.0, 0.48], "zeroline": False},
        "xaxis2": {"title": {"text": "After alignment (ppm)"}, "range": edge, "domain": [0.52, 1.0], "zeroline": False},
        "yaxis": {
            "title": {"text": "Transient"}, "zeroline": False, "showgrid": False,
            "tickvals": [-STACK_STEP * place for place in range(0, len(numbers), step)],
            "ticktext": [str(number) for number in numbers[::step]],
        },
        "showlegend": False,
    }  # fmt: skip
    return {"data": traces, "layout": layout}
