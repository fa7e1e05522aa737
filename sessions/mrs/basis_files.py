"""Readers of basis files: LCModel .BASIS and .RAW, FSL JSON."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.basis import Basis, Component, canonical_name, kind_of
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import CENTRE_PPM

Complex = NDArray[np.complexfloating[Any, Any]]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?")
AGAIN = "Choose another basis set, or export this one again."
LARGEST_NUMBER = 1e30
REFERENCE_PEAK_PPM = (-0.25, 0.15)


def read_lcmodel_basis(text: str) -> Basis:
    """Read a .BASIS file: spectra of zero-filled decays, one block a metabolite.

    Raises
    ------
    MrsError
        `basis-unreadable`.
    """
    dwell_time_s, frequency_mhz = _acquisition(text)
    points = int(_value(text, "NDATAB"))
    fids, names = [], []
    for block in re.split(r"\$BASIS\b(?!1)", text)[1:]:
        head, _, body = block.partition("$END")
        name = re.search(r"\bMETABO\s*=\s*'([^']*)'", head)
        spectrum = _complex_numbers(re.split(r"\$", body)[0])
        if name is not None and len(spectrum) == points - 1:
            # A known program writes one point too few; the spectrum is periodic, so the gap lies between its ends.
            spectrum = np.append(spectrum, (spectrum[-1] + spectrum[0]) / 2)
        if name is None or len(spectrum) != points:
            raise MrsError(
                "basis-unreadable", f"The .BASIS file is incomplete: a block has fewer numbers than it says. {AGAIN}"
            )
        shift = int(_value(head, "ISHIFT", default=0))
        names.append(name[1])
        fids.append(np.fft.ifft(np.roll(spectrum, -shift))[: points // 2])
    return _assembled(names, fids, dwell_time_s, frequency_mhz, "lcmodel-basis")


def read_raw_folder(files: list[tuple[str, str]], basis_text: str) -> Basis:
    """Read .RAW decays; dwell time and frequency come from the .BASIS made from them."""
    dwell_time_s, frequency_mhz = _acquisition(basis_text)
    fids = []
    for name, text in files:
        body = text.rpartition("$END")[2]
        fid = _complex_numbers(body)
        if len(fid) < 64:
            raise MrsError("basis-unreadable", f"{name}.RAW holds no decay. {AGAIN}")
        fids.append(fid)
    shortest = min(len(fid) for fid in fids)
    return _assembled(
        [name for name, _ in files], [fid[:shortest] for fid in fids], dwell_time_s, frequency_mhz, "lcmodel-raw"
    )


def read_fsl_json(files: list[tuple[str, str]]) -> Basis:
    """Read FSL-MRS basis spectra, one JSON file a metabolite."""
    names, fids, grids = [], [], set()
    for stem, text in files:
        try:
            content = json.loads(text)["basis"]
            fid = np.array(content["basis_re"], dtype=float) + 1j * np.array(content["basis_im"], dtype=float)
            grids.add((float(content["basis_dwell"]), float(content["basis_centre"]), len(fid)))
            names.append(str(content.get("basis_name", stem)))
        except (ValueError, KeyError, TypeError):
            raise MrsError("basis-unreadable", f"{stem}.json is not an FSL basis spectrum. {AGAIN}") from None
        fids.append(fid)
    if len(grids) != 1:
        raise MrsError("basis-unreadable", f"The basis spectra differ in dwell time, frequency or length. {AGAIN}")
    dwell_time_s, frequency_mhz, _ = grids.pop()
    return _assembled(names, fids, dwell_time_s, frequency_mhz, "fsl-json")


def _assembled(
    names: list[str], fids: Sequence[Complex], dwell_time_s: float, frequency_mhz: float, source: str
) -> Basis:
    """Orient, clean and name the spectra."""
    if not fids or not 1e-5 < dwell_time_s < 2e-3 or not 20 < frequency_mhz < 700:
        raise MrsError("basis-unreadable", f"The basis set gives no plausible dwell time or frequency. {AGAIN}")
    if CENTRE_PPM - 0.5 / dwell_time_s / frequency_mhz > REFERENCE_PEAK_PPM[0]:
        raise MrsError("basis-unreadable", f"The basis set's spectral width is too small for its field. {AGAIN}")
    stacked = np.stack(fids)
    if not np.isfinite(stacked).all() or not np.abs(stacked).any(axis=1).all():
        raise MrsError("basis-unreadable", f"A spectrum of the basis set is empty or not a number. {AGAIN}")
    size = 2 * stacked.shape[1]
    ppm = CENTRE_PPM + np.fft.fftfreq(size, dwell_time_s) / frequency_mhz
    mirrored = 2 * CENTRE_PPM - ppm
    power = (np.abs(np.fft.fft(stacked, size)) ** 2).sum(axis=0)
    if power[(ppm > 0.2) & (ppm < 4.2)].sum() < power[(mirrored > 0.2) & (mirrored < 4.2)].sum():
        stacked = stacked.conj()
    cleaned = np.stack([_without_reference(fid, ppm) for fid in stacked])
    canonical_names = [canonical_name(name) for name in names]
    offset_ppm = _offset_ppm(canonical_names, cleaned, ppm)
    if abs(offset_ppm) > 0.12:
        raise MrsError(
            "basis-frequency-mismatch",
            "In the basis set NAA or creatine do not lie where its frequency says they should (2.01 and 3.03 ppm).",
        )
    times_s = np.arange(stacked.shape[1]) * dwell_time_s
    cleaned = cleaned * np.exp(-2j * np.pi * offset_ppm * frequency_mhz * times_s)
    components = []
    for canonical, fid in zip(canonical_names, cleaned, strict=True):
        components.append(Component(canonical, kind_of(canonical), fid=fid))
    if len({component.name for component in components}) != len(components):
        raise MrsError("basis-unreadable", f"The basis set holds a metabolite twice. {AGAIN}")
    return Basis(tuple(components), frequency_mhz, dwell_time_s, source)


def _offset_ppm(names: list[str], fids: Complex, ppm: NDArray[np.floating[Any]]) -> float:
    """Return how far the singlets of NAA and creatine lie from their shifts: sets are referenced to 4.65-4.70 ppm."""
    found = []
    for name, shift in (("NAA", 2.008), ("Cr", 3.027)):
        if name in names:
            spectrum = np.abs(np.fft.fft(fids[names.index(name)], len(ppm)))
            spectrum[(ppm < 0.2) | (ppm > 4.2)] = 0
            found.append(float(ppm[np.argmax(spectrum)]) - shift)
    if not found:
        raise MrsError("basis-incomplete", f"The basis set holds neither NAA nor creatine. {AGAIN}")
    return float(np.mean(found)) if max(found) - min(found) < 0.03 else max(found, key=abs)


def _without_reference(fid: Complex, ppm: NDArray[np.floating[Any]]) -> Complex:
    """Subtract the referencing singlet at 0 ppm that simulated LCModel bases carry.

    Its decay is estimated from the neighbourhood of 0 ppm alone and taken off as one damped exponential.
    """
    spectrum = np.fft.fft(fid, len(ppm))
    near = (ppm > REFERENCE_PEAK_PPM[0]) & (ppm < REFERENCE_PEAK_PPM[1])
    wanted = (ppm > 0.2) & (ppm < 4.2)
    if np.abs(spectrum[near]).max() < 0.05 * np.abs(spectrum[wanted]).max():
        return fid
    masked = np.fft.ifft(np.where(near, spectrum, 0))[: len(fid)]
    middle = slice(len(fid) // 32, len(fid) // 4)
    part = masked[middle]
    ratio = np.vdot(part[:-1], part[1:]) / np.vdot(part[:-1], part[:-1])
    model = ratio ** np.arange(len(fid))
    amplitude = np.vdot(model[middle], part) / np.vdot(model[middle], model[middle])
    return np.asarray(fid - amplitude * model)


def _acquisition(text: str) -> tuple[float, float]:
    return _value(text, "BADELT"), _value(text, "HZPPPM")


def _value(text: str, key: str, default: float | None = None) -> float:
    match = re.search(rf"\b{key}\s*=\s*({_NUMBER.pattern})", text)
    if match is not None:
        return float(match[1].replace("D", "E").replace("d", "e"))
    if default is None:
        raise MrsError("basis-unreadable", f"This is not an LCModel basis: it does not say {key}. {AGAIN}")
    return default


def _complex_numbers(text: str) -> Complex:
    # Fortran writes columns without blanks between them: numbers are found by their form, not by blanks.
    if re.search(r"[^\s\d.EeDd+-]", text):
        # NaN, stars for numbers that were too large, or a comment among the numbers.
        raise MrsError("basis-unreadable", f"The basis set holds text among its numbers. {AGAIN}")
    numbers = np.array([float(number.replace("D", "E")) for number in _NUMBER.findall(text)])
    if not (np.abs(numbers) < LARGEST_NUMBER).all():
        raise MrsError("basis-unreadable", f"The basis set holds a number that is too large. {AGAIN}")
    if len(numbers) % 2:
        raise MrsError("basis-unreadable", f"The basis set holds an odd number of values: it is incomplete. {AGAIN}")
    return np.asarray(numbers[::2] + 1j * numbers[1::2], dtype=np.complex128)
