"""The JSON objects that results are told in: rounded, finite, stable in their keys."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.quality import Curves
from sessions.mrs.uncertainty import RATIOS, SUMS, Estimates

Real = NDArray[np.floating[Any]]

MOST_CURVE_POINTS = 700


def metabolites(values: Estimates) -> dict[str, dict[str, float | None]]:
    """Return amplitude and bound of every component and every sum."""
    document = {}
    for name in (*values.names, *SUMS):
        quantity = values.quantity(name)
        if quantity is not None:
            amplitude, bound = quantity
            percent = min(100 * bound / amplitude, 999.0) if amplitude > 0 else None
            document[name] = {
                "amplitude": significant(amplitude),
                "crlb_absolute": significant(bound),
                "crlb_percent": significant(percent, 4),
            }
    return document


def ratios(values: Estimates) -> dict[str, dict[str, float | None]]:
    """Return every ratio that the basis allows, with its bound."""
    document = {}
    for upper, lower in RATIOS:
        ratio = values.ratio(upper, lower)
        if ratio is not None:
            document[f"{upper}/{lower}"] = {"value": significant(ratio[0]), "crlb_percent": significant(ratio[1], 4)}
    return document


def curves_document(found: Curves) -> dict[str, Any]:
    """Return the curves on at most 700 points, rounded to what a screen shows."""
    step = -(-len(found.ppm) // MOST_CURVE_POINTS)
    scale = float(np.abs(found.data).max()) or 1.0

    def line(values: Real) -> list[float]:
        return [round(float(value), 5) for value in values[::step] / scale]

    return {
        "ppm": [round(float(value), 4) for value in found.ppm[::step]],
        "data": line(found.data),
        "fit": line(found.fit),
        "baseline": line(found.baseline),
        "residual": line(found.residual),
        "components": {name: line(values) for name, values in found.components.items()},
        **found.pictures,
    }


def significant(value: float | None, digits: int = 6) -> float | None:
    """Return a value at so many significant digits; None for what is not a number."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
