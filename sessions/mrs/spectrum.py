"""The data of one acquisition, and what of its header is kept.

The header keeps numbers and closed vocabularies only. Free text (protocol, institution, coil, file names) may hold an
identity and is never kept, whatever its key is called.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complexfloating[Any, Any]]

# From the slowest to the fastest: the order in which a scanner measures, so that windows of transients stay windows of
# time whatever the order of a file's dimensions is.
TRANSIENT_TAGS = ("DIM_MEAS", "DIM_DYN", "DIM_PHASE_CYCLE", "DIM_EDIT")
DIMENSION_TAGS = ("DIM_COIL", *TRANSIENT_TAGS)
# A condition's name is free text in a file; these words are kept, any other is replaced by its letter.
CONDITIONS = ("ON", "OFF", "A", "B", "C", "D", "E", "F", "G", "H", "DIFF")
MANUFACTURERS = ("Siemens", "Philips", "GE", "Bruker", "Varian", "Agilent", "United Imaging", "Canon")
SEQUENCES = ("SEMI-LASER", "SLASER", "LASER", "STEAM", "SPECIAL", "MEGA", "PRESS", "SVS_ST", "SVS_SE")
SEQUENCE_NAMES = {
    "SEMI-LASER": "sLASER", "SLASER": "sLASER", "LASER": "LASER", "STEAM": "STEAM", "SPECIAL": "SPECIAL",
    "MEGA": "MEGA", "PRESS": "PRESS", "SVS_ST": "STEAM", "SVS_SE": "PRESS",
}  # fmt: skip
# Number keys with the range that is believed; anything else in them is dropped.
NUMBERS = {
    "EchoTime": (0.0, 2.0),
    "RepetitionTime": (0.0, 60.0),
    "InversionTime": (0.0, 20.0),
    "MixingTime": (0.0, 5.0),
    "ExcitationFlipAngle": (0.0, 360.0),
    "TxOffset": (-20.0, 20.0),
}
# What NIfTI-MRS calls steps of processing; who did them and when is not kept.
METHODS = (
    "RF coil combination", "Frequency and phase correction", "Signal averaging", "Eddy current correction", "Phasing",
    "Nuisance peak removal", "Apodization",
)  # fmt: skip
NUCLEI = ("1H", "2H", "13C", "19F", "23Na", "31P")


@dataclass(frozen=True)
class Spectrum:
    """One acquisition: decays and what is known of them.

    Parameters
    ----------
    fids
        (transients, coils, points); a higher shift is a higher frequency.
    dwell_time_s, frequency_mhz, nucleus
        Sampling interval, spectrometer frequency, nucleus.
    header
        Allow-listed keys (`kept_header`).
    tags
        Tags of the stored dimensions 5 to 7.
    conditions
        Of edited data, the condition of each transient (`CONDITIONS`); empty for plain data.
    """

    fids: Complex
    dwell_time_s: float
    frequency_mhz: float
    nucleus: str
    header: dict[str, Any]
    tags: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()

    @property
    def transients(self) -> int:
        """Number of transients."""
        return int(self.fids.shape[0])

    @property
    def points(self) -> int:
        """Number of points of a decay."""
        return int(self.fids.shape[2])

    def conjugated(self) -> "Spectrum":
        """Return the data with the direction of frequency turned round."""
        return replace(self, fids=self.fids.conj())


def kept_header(header: dict[str, Any]) -> dict[str, Any]:
    """Return the allow-listed part of a NIfTI-MRS header, each value checked.

    Parameters
    ----------
    header
        As found in a file; nothing about it is believed.
    """
    kept: dict[str, Any] = {
        "SpectrometerFrequency": _numbers(header.get("SpectrometerFrequency"), 1.0, 1500.0, at_most=1),
        "ResonantNucleus": [name for name in _strings(header.get("ResonantNucleus")) if name in NUCLEI][:1],
    }
    for position in (5, 6, 7):
        tag = header.get(f"dim_{position}")
        if tag in DIMENSION_TAGS:
            kept[f"dim_{position}"] = tag
    for key, (low, high) in NUMBERS.items():
        value = _numbers([header.get(key)], low, high, at_most=1)
        if value:
            kept[key] = value[0]
    manufacturer = str(header.get("Manufacturer", "")).upper()
    for name in MANUFACTURERS:
        if manufacturer.startswith(name.upper()):
            kept["Manufacturer"] = name
    described = " ".join(
        str(header.get(key, "")) for key in ("SequenceName", "ProtocolName", "PulseSequenceFile")
    ).upper()
    for word in SEQUENCES:
        if word in described:
            kept["SequenceName"] = SEQUENCE_NAMES[word]
            break
    if isinstance(header.get("WaterSuppressed"), bool):
        kept["WaterSuppressed"] = header["WaterSuppressed"]
    applied = header.get("ProcessingApplied")
    if isinstance(applied, list):
        named = [step.get("Method") for step in applied if isinstance(step, dict)]
        methods = [name for name in METHODS if name in named]
        if methods:
            kept["ProcessingApplied"] = [{"Method": name} for name in methods]
    selected = header.get("SelectedEditCondition")
    if isinstance(selected, dict) and selected.get("Value") in CONDITIONS:
        kept["SelectedEditCondition"] = selected_condition(selected["Value"])
    synthetic = header.get("SYNTHETIC")
    if isinstance(synthetic, dict) and synthetic.get("Value") is True:
        kept["SYNTHETIC"] = {"Value": True, "Description": "Simulated, not measured."}
    blocks = header.get("BlockStartMinutes")
    if isinstance(blocks, dict):
        minutes = _numbers(blocks.get("Value"), -600.0, 6000.0, at_most=500)
        if minutes:
            kept["BlockStartMinutes"] = {"Value": minutes, "Description": "Start of each block of transients."}
    return kept


def selected_condition(name: str) -> dict[str, str]:
    """Return the header entry that names the one condition of edited data that was taken."""
    return {"Value": name, "Description": "The condition of edited data that this spectrum is of."}


def _numbers(values: object, low: float, high: float, *, at_most: int) -> list[float]:
    if not isinstance(values, list):
        return []
    good = [
        float(value)
        for value in values[:at_most]
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]
    return good if len(good) == min(len(values), at_most) and all(low <= value <= high for value in good) else []


def _strings(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
