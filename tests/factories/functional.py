"""What the engine tells of a functional file, in numbers small enough to check by hand."""

from typing import Any

QUALITY: dict[str, Any] = {
    "snr": 12.5, "fwhm_hz": 5.25, "shift_hz": 0.125, "phase_deg": -1.5, "residual_over_noise": 1.02,
    "has_converged": True,
}  # fmt: skip


def effect(estimate: float, percent: float | None = None) -> dict[str, Any]:
    """Return one estimated term, with limits two standard errors away."""
    told: dict[str, Any] = {"estimate": estimate, "se": 0.1, "ci95": [estimate - 0.2, estimate + 0.2], "p": 0.01}
    return told if percent is None else told | {"percent": percent, "percent_ci95": [percent - 1, percent + 1]}


def part(index: int, members: list[int], ratio: float | None, **more: Any) -> dict[str, Any]:
    """Return one entry of a series: a ratio, and an amplitude that is four times as large."""
    return {
        "index": index, "transients": members, "minutes": index + 0.5, "minutes_from": float(index),
        "minutes_to": float(index + 1), "quality": QUALITY,
        "ratios": {"Glx/tNAA": {"value": ratio, "crlb_percent": 8.0}},
        "metabolites": {"Glx": {"amplitude": None if ratio is None else 4 * ratio, "crlb_percent": 6.0}},
    } | more  # fmt: skip


SERIES: list[dict[str, Any]] = [
    part(0, [0], 1.2, change_percent={"Glx/tNAA": -1.0}),
    part(1, [1, 2], 1.25, name="heat", change_percent={"Glx/tNAA": 3.0}),
]
CHANGE = {"value": 4.0, "se": 0.5, "ci95": [3.0, 5.0]}
AREA = {"value": 40.0, "se": 5.0, "ci95": [30.0, 50.0]}
OUTCOMES: dict[str, Any] = {
    "series_of": "single transients",
    "clock": {"transient_seconds": 60.0, "dose_minutes": [2.0, 12.0]},
    "left_out": [],
    "predose": {"transients": [0, 1], "values": {"Glx/tNAA": 1.2}},
    "change_after_dose": {"Glx/tNAA": {"percent": CHANGE, "auc_percent_minutes": AREA, "minutes": 10.0}},
    "glm": {
        "response": "boxcar", "regressors": ["dose", "drift", "baseline"], "transients": 12, "degrees_of_freedom": 9,
        "autocorrelation": {"Glx/tNAA": 0.125},
        "outcomes": {
            "Glx/tNAA": {
                "baseline": effect(1.2), "regressors": {"dose": effect(0.05, 4.2)}, "contrasts": {},
                "residual_sd": 0.03,
            }
        },
    },
}  # fmt: skip
TRANSIENTS: dict[str, Any] = {
    "count": 2, "shift_hz": [0.25, -0.25], "phase_deg": [1.5, -1.5], "width_change_hz": [0.125, -0.125],
    "fwhm_hz": [5.5, 5.25], "snr": [12.0, 0.5], "scale": [1.0, 0.25], "minutes": [0.0, 1.0], "rejected": [1],
    "reasons": {"1": "signal of another size"},
}  # fmt: skip
