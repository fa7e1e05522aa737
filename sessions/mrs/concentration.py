"""Concentrations from the water reference, with tissue fractions and relaxation; all that is assumed is told.

    [M] = S_M / (S_W / 2) * W / R_M        W = 55.51 mol/kg * sum_i f_i R_i / (1 - f_CSF)

S_M is the signal of one proton of the metabolite, S_W that of the water (two protons), both at the start of the decay;
f_i the share of tissue i in the water (mmol per kg of water outside CSF, Gasparovic et al. 2006, Magn Reson Med
55:1219-1226) or its volume times water content (mM), and R = (1 - exp(-TR/T1)) exp(-TE/T2). Near et al. (2021),
NMR Biomed 34:e4257, section 3.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.document import significant
from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.uncertainty import SUMS, Estimates

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.floating[Any]]

PURE_WATER_MMOL = 55_510.0
# Without a segmentation: what LCModel assumes (WCONC, without its ATTH2O), 65 % of pure water.
ASSUMED_WATER_MMOL = 35_880.0
UNITS = ("mM", "mmol/kg")
# Water content by volume: Ernst, Kreis, Ross (1993), J Magn Reson B 102:1-8.
CONTENT = {"gm": 0.78, "wm": 0.65, "csf": 0.97}
WATER_FITTED_SECONDS = (0.001, 0.025)
WATER_ORDER = 2


@dataclass(frozen=True)
class Relaxation:
    """T1 and T2 in seconds at one field, and where they were published."""

    field_t: float
    water: dict[str, tuple[float, float]]
    metabolites: dict[str, tuple[float, float]]
    others: tuple[float, float]
    source: str


RELAXATION = (
    Relaxation(
        3.0,
        {"gm": (1.331, 0.110), "wm": (0.832, 0.0792), "csf": (3.817, 0.503)},
        {"tNAA": (1.47, 0.247), "tCr": (1.46, 0.152), "tCho": (1.30, 0.207)},
        (1.29, 0.194),
        "water: Wansapura et al. (1999), J Magn Reson Imaging 9:531-538; CSF: Lu et al. (2005), J Magn Reson Imaging "
        "22:13-22, and Piechnik et al. (2009), Magn Reson Med 61:579-586; NAA, creatine, choline: Mlynarik et al. "
        "(2001), NMR Biomed 14:325-331, grey matter; others: means compiled in Clarke et al. (2021), Magn Reson Med "
        "85:2950-2964",
    ),
    Relaxation(
        7.0,
        {"gm": (2.05, 0.050), "wm": (1.21, 0.055), "csf": (4.425, 1.050)},
        {},
        (1.43, 0.131),
        "means compiled in Clarke et al. (2021), Magn Reson Med 85:2950-2964; CSF T2: Spijkerman et al. (2018), "
        "MAGMA 31:415-424",
    ),
)
PROTON_MHZ_PER_T = 42.577


@dataclass(frozen=True)
class Tissue:
    """Volume fractions of the voxel, from a segmentation.

    Raises
    ------
    MrsError
        `tissue-invalid`: not three fractions that add up to 1.
    """

    gm: float
    wm: float
    csf: float

    def __post_init__(self) -> None:
        values = (self.gm, self.wm, self.csf)
        if not all(np.isfinite(values)) or min(values) < 0 or abs(sum(values) - 1) > 0.02 or self.csf > 0.95:
            raise MrsError(
                "tissue-invalid",
                "The tissue fractions (grey, white, CSF) must be three numbers from 0 to 1 that add up to 1, with at "
                "most 0.95 CSF: take them from the segmentation of this voxel.",
            )


@dataclass(frozen=True)
class Scaling:
    """How amplitudes become concentrations.

    Parameters
    ----------
    tissue
        Without it the visible water is taken as `water_mmol` and relaxation is not corrected: numbers that only
        compare like with like.
    unit
        `mM` (per litre of tissue outside CSF) or `mmol/kg` (per kilogram of water outside CSF).
    water_mmol
        Visible water (mM) where there are no tissue fractions; 55510 for a phantom of pure water.
    """

    tissue: Tissue | None = None
    unit: str = "mM"
    water_mmol: float = ASSUMED_WATER_MMOL

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise MrsError("unit-unknown", "Concentrations are given in mM or in mmol/kg.")
        if not 1 <= self.water_mmol <= 2 * PURE_WATER_MMOL:
            raise MrsError("water-concentration-invalid", "Pure water is 55510 mM; a tissue has less.")


def water_signal(water: Complex, dwell_time_s: float) -> float:
    """Return the magnitude of the water at the start of the decay.

    The first points, which filters distort, are left out: the logarithm of the next 25 ms is drawn back to zero.
    """
    times = np.arange(len(water)) * dwell_time_s
    first = max(1, int(np.ceil(WATER_FITTED_SECONDS[0] / dwell_time_s)))
    last = max(first + 8, int(WATER_FITTED_SECONDS[1] / dwell_time_s))
    part = slice(first, last)
    coefficients = np.polynomial.polynomial.polyfit(
        times[part], np.log(np.abs(water[part]) + 1e-300), WATER_ORDER, w=np.abs(water[part])
    )
    return float(np.exp(coefficients[0]))


def concentrations(
    values: Estimates, spectrum: Spectrum, *, proton: float, water: float, scaling: Scaling
) -> dict[str, Any]:
    """Return concentrations with their bounds, and all that was assumed.

    Parameters
    ----------
    values
        Amplitudes in the basis' units.
    proton
        Signal of one proton at unit amplitude (`sessions.mrs.macromolecules.proton_scale`).
    water
        Signal of the water (`water_signal`).
    spectrum
        For field, EchoTime and RepetitionTime (seconds); without them, or at another field than 3 or 7 T, relaxation
        is not corrected, and that is said.
    """
    tissue, unit = scaling.tissue, scaling.unit
    echo_s, repetition_s = spectrum.header.get("EchoTime"), spectrum.header.get("RepetitionTime")
    table = next(
        (row for row in RELAXATION if abs(row.field_t - spectrum.frequency_mhz / PROTON_MHZ_PER_T) < 0.35), None
    )
    relaxes = tissue is not None and table is not None and echo_s is not None and bool(repetition_s)

    def remaining(times: tuple[float, float]) -> float:
        if not relaxes or echo_s is None or repetition_s is None:
            return 1.0
        return float((1 - np.exp(-repetition_s / times[0])) * np.exp(-echo_s / times[1]))

    visible_mmol = scaling.water_mmol
    if tissue is not None:
        shares = _shares(tissue, unit)
        outside_csf = 1 - (shares["csf"] if unit == "mmol/kg" else tissue.csf)
        left = {name: remaining(table.water[name]) if table is not None else 1.0 for name in shares}
        visible_mmol = PURE_WATER_MMOL * sum(share * left[name] for name, share in shares.items()) / outside_csf
    factor = proton / (water / 2) * visible_mmol
    parts = {part: name for name, whole in SUMS.items() for part in whole}
    found, attenuations = {}, {}
    for name in (*values.names, *SUMS):
        quantity = values.quantity(name)
        if quantity is None or name.startswith(("MM", "Mac", "Lip")):
            continue
        times = (
            table.metabolites.get(name, table.metabolites.get(parts.get(name, ""), table.others)) if table else (0, 0)
        )
        attenuation = remaining(times)
        attenuations[name] = significant(attenuation, 4)
        amplitude, bound = quantity
        found[name] = {
            "value": significant(amplitude * factor / attenuation),
            "crlb_absolute": significant(bound * factor / attenuation),
            "crlb_percent": significant(min(100 * bound / amplitude, 999.0), 4) if amplitude > 0 else None,
        }
    return {
        "reference": "water",
        "unit": unit,
        "values": found,
        "assumptions": {
            "tissue": asdict(tissue) if tissue is not None else None,
            "water_content": CONTENT if tissue is not None else None,
            "pure_water_mmol_per_kg": PURE_WATER_MMOL,
            "visible_water_mmol": significant(visible_mmol),
            "relaxation_corrected": relaxes,
            "relaxation": asdict(table) if relaxes and table is not None else None,
            "metabolite_signal_left": attenuations if relaxes else None,
            "echo_time_s": echo_s,
            "repetition_time_s": repetition_s,
            "water_signal": significant(water),
            "proton_signal": significant(proton),
        },
    }


def relative(values: Estimates) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return every metabolite and sum over the internal references tCr and tNAA, with its bound."""
    names = [name for name in (*values.names, *SUMS) if not name.startswith(("MM", "Mac", "Lip"))]
    document: dict[str, dict[str, dict[str, float | None]]] = {}
    for reference in ("tCr", "tNAA"):
        found = {name: values.ratio(name, reference) for name in names if name != reference}
        document[reference] = {
            name: {"value": significant(ratio[0]), "crlb_percent": significant(ratio[1], 4)}
            for name, ratio in found.items()
            if ratio is not None
        }
    return document


def _shares(tissue: Tissue, unit: str) -> dict[str, float]:
    """Return each tissue's volume times its water content; in mmol/kg as its share of all the water."""
    shares = {name: getattr(tissue, name) * content for name, content in CONTENT.items()}
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()} if unit == "mmol/kg" else shares
