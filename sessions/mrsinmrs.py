"""The MRSinMRS reporting table, filled from the header and the processing record.

After Lin et al. 2021 (NMR Biomed 34:e4484). What neither tells stands as a gap, so that whoever writes the paper sees
what the site must add. No Django, no identity: the header holds allow-listed keys only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MHZ_PER_TESLA = 42.577
SECTIONS = ("Hardware", "Acquisition", "Data analysis", "Data quality")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; an empty value is a gap."""

    section: str
    item: str
    value: str = ""
    number: str = ""

    @property
    def is_gap(self) -> bool:
        """Whether neither header nor record tells it."""
        return not self.value


def table(
    document: Mapping[str, Any], *, basis: str, thresholds: Sequence[str], points: int | None = None
) -> list[Line]:
    """Return the checklist's lines in the paper's order.

    Parameters
    ----------
    document
        A result as the engine prints it.
    basis
        The basis set in words.
    thresholds
        The exclusion criteria in words, each with its value.
    points
        Of the processed decay, where known.
    """
    header = document.get("header", {})
    return [
        *_hardware(header),
        *_acquisition(header, document, points),
        *_analysis(document, basis),
        *_quality(document, thresholds),
    ]


def gaps(lines: Sequence[Line]) -> list[str]:
    """Return the items that the site must add."""
    return [line.item for line in lines if line.is_gap]


def _hardware(header: Mapping[str, Any]) -> Iterator[Line]:
    frequency = _first(header.get("SpectrometerFrequency"))
    field = f"{frequency / MHZ_PER_TESLA:.1f} T ({frequency:.2f} MHz)" if frequency else ""
    yield Line("Hardware", "Field strength", field, "1a")
    yield Line("Hardware", "Manufacturer", str(header.get("Manufacturer", "")), "1b")
    yield Line("Hardware", "Model and software version", "", "1c")
    yield Line("Hardware", "RF coils: nuclei, channels, type, body part", _coil_words(header), "1d")
    yield Line("Hardware", "Additional hardware", "", "1e")


def _acquisition(header: Mapping[str, Any], document: Mapping[str, Any], points: int | None) -> Iterator[Line]:
    yield Line("Acquisition", "Pulse sequence", str(header.get("SequenceName", "")), "2a")
    yield Line("Acquisition", "Volume of interest: location", "", "2b")
    yield Line("Acquisition", "Nominal size of the volume", "", "2c")
    times = [
        f"{name} {header[key] * 1000:g} ms"
        for name, key in (("TR", "RepetitionTime"), ("TE", "EchoTime"), ("TM", "MixingTime"), ("TI", "InversionTime"))
        if isinstance(header.get(key), int | float)
    ]
    yield Line("Acquisition", "Repetition and echo time", ", ".join(times), "2d")
    count = document.get("transients", {}).get("count")
    yield Line("Acquisition", "Number of excitations (transients in the file)", str(count) if count else "", "2e")
    yield Line("Acquisition", "Spectral width and number of points", _sampling_words(document, points), "2f")
    is_suppressed = header.get("WaterSuppressed")
    suppressed = "" if is_suppressed is None else "On, method not on record" if is_suppressed else "Off"
    yield Line("Acquisition", "Water suppression", suppressed, "2g")
    yield Line("Acquisition", "Shimming method and its threshold", "", "2h")
    yield Line("Acquisition", "Triggering or motion correction", "", "2i")


def _analysis(document: Mapping[str, Any], basis: str) -> Iterator[Line]:
    version = document.get("engine_version", "")
    yield Line("Data analysis", "Analysis software", f"This portal's own engine, version {version}", "3a")
    yield Line("Data analysis", "Processing steps", "; ".join(step_words(document.get("preprocessing", ()))), "3b")
    ratios = ", ".join(document.get("ratios", {}))
    yield Line("Data analysis", "Output measure", f"Ratios: {ratios}" if ratios else "", "3c")
    yield Line("Data analysis", "Quantification references and assumptions", _reference_words(document), "3d")
    yield Line("Data analysis", "Fitting model", _model_words(document, basis), "3e")


def _quality(document: Mapping[str, Any], thresholds: Sequence[str]) -> Iterator[Line]:
    quality = document.get("quality", {})
    values = [
        words.format(quality[key])
        for key, words in (("snr", "SNR {:.0f} (NAA)"), ("fwhm_hz", "FWHM {:.1f} Hz"), ("fwhm_ppm", "{:.3f} ppm"))
        if isinstance(quality.get(key), int | float)
    ]
    yield Line("Data quality", "Reported variables (SNR, linewidth)", ", ".join(values), "4a")
    yield Line("Data quality", "Exclusion criteria", "; ".join(thresholds), "4b")
    bounds = [
        f"{name} {found['crlb_percent']:.1f} %"
        for name, found in document.get("ratios", {}).items()
        if isinstance(found.get("crlb_percent"), int | float)
    ]
    words = f"Cramer-Rao bounds: {', '.join(bounds)}" if bounds else ""
    yield Line("Data quality", "Quality of the fit", words, "4c")
    yield Line("Data quality", "Sample spectrum", "The fit viewer of this run, as PNG and NIfTI-MRS", "4d")


def _first(values: object) -> float | None:
    value = values[0] if isinstance(values, list) and values else values
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _coil_words(header: Mapping[str, Any]) -> str:
    nucleus = header.get("ResonantNucleus")
    return f"{nucleus[0]}; channels and type not on record" if isinstance(nucleus, list) and nucleus else ""


def _sampling_words(document: Mapping[str, Any], points: int | None) -> str:
    dwell = document.get("dwell_time_s")
    words = [f"{1 / dwell:.0f} Hz"] if isinstance(dwell, int | float) and dwell else []
    return ", ".join([*words, *([f"{points} points"] if points else [])])


def step_words(record: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say each step of the record in words, what was left out with its reason; unknown steps are named."""
    for one in record:
        words = _step(str(one.get("step", "")), one)
        because = one.get("because")
        if words:
            yield f"{words} ({because})" if because else words


def _step(step: str, one: Mapping[str, Any]) -> str:
    return STEPS[step](one) if step in STEPS else step


def _coils(one: Mapping[str, Any]) -> str:
    coils, by = one.get("coils", 1), one.get("by", "signal")
    return "coils combined by the scanner" if by == "scanner" else f"{coils} coils combined, weighted by {by}"


def _outliers(one: Mapping[str, Any]) -> str:
    count = len(one.get("rejected", ()))
    return f"{count} outlying transient{'s' if count != 1 else ''} left out" if count else "no transient left out"


def _alignment(one: Mapping[str, Any]) -> str:
    told = {"scanner": "one average in the file, nothing to align", "nobody": "transients not aligned"}
    by = one.get("by", "")
    return told.get(by, f"aligned in frequency and phase by {by}")


def _averaging(one: Mapping[str, Any]) -> str:
    if one.get("by") == "scanner":
        return "averaged by the scanner"
    averaged, blocks = one.get("averaged", one.get("transients", "")), one.get("blocks")
    return f"{averaged} transients averaged" + (f", and in {blocks} blocks" if blocks else "")


def _eddy_currents(one: Mapping[str, Any]) -> str:
    if one.get("corrected"):
        return "eddy currents corrected with water"
    return "eddy currents corrected before" if one.get("by") == "before" else "eddy currents not corrected"


STEPS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "orientation": lambda _: "",
    "coil combination": _coils,
    "outlying transients": _outliers,
    "alignment": _alignment,
    "averaging": _averaging,
    "eddy currents": _eddy_currents,
    "residual water": lambda one: f"residual water {'removed (HLSVD)' if one.get('removed', True) else 'not removed'}",
}


def _reference_words(document: Mapping[str, Any]) -> str:
    names = dict.fromkeys(name.partition("/")[2] for name in document.get("ratios", {}))
    return f"Ratios to {', '.join(names)}; no concentrations" if names else ""


def _model_words(document: Mapping[str, Any], basis: str) -> str:
    settings = document.get("settings", {})
    words = ["Linear combination in the frequency domain, real part"]
    if basis:
        words.append(f"basis {basis}")
    if (low := settings.get("ppm_low")) is not None:
        words.append(f"{low:g} to {settings.get('ppm_high'):g} ppm")
    if (flexibility := settings.get("baseline_ed_per_ppm")) is not None:
        words.append(f"P-spline baseline, effective dimension {flexibility:g} per ppm")
    return ", ".join(words)
