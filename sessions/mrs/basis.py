"""Basis sets: spectra of single metabolites that can be brought to the time grid of any acquisition."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.grid import CENTRE_PPM, WINDOW_PPM, TimeGrid
from sessions.mrs.simulate import Lines

Complex = NDArray[np.complexfloating[Any, Any]]

CANONICAL = {
    "scyllo": "sIns", "sins": "sIns", "si": "sIns", "glth": "GSH", "pcho": "PCh", "peth": "PE", "mi": "Ins",
    "mins": "Ins", "m-ins": "Ins", "naa": "NAA", "naag": "NAAG", "cr": "Cr", "pcr": "PCr", "glu": "Glu",
    "gln": "Gln", "gsh": "GSH", "gpc": "GPC", "pch": "PCh", "gaba": "GABA", "ins": "Ins", "asc": "Asc", "asp": "Asp",
    "ala": "Ala", "lac": "Lac",
    "tau": "Tau", "glc": "Glc", "gly": "Gly", "pe": "PE", "ace": "Ace", "acet": "Ace", "act": "Ace", "cho": "Cho",
}  # fmt: skip
MEASURED_MACROMOLECULES = re.compile(r"^(mac|mm|mm_?meas\w*|macromolecules?|mmexp\w*)$", re.IGNORECASE)
SIMULATED_MACROMOLECULE = re.compile(r"^(mm|lip)[-_]?\d", re.IGNORECASE)


@dataclass(frozen=True)
class Component:
    """One spectrum of a basis.

    Parameters
    ----------
    name
        Canonical name.
    kind
        `metabolite`, `measured` (macromolecules as one measured spectrum) or `modelled` (one macromolecule or lipid
        resonance), which decides how it may broaden.
    fid
        Free induction decay, higher shifts at higher frequencies; or None when `lines` is given.
    lines
        Stick spectrum of a simulation.
    widths_hz
        Lorentzian and Gaussian full width at half maximum of each line; none: undamped.
    """

    name: str
    kind: str
    fid: Complex | None = None
    lines: Lines | None = None
    widths_hz: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Basis:
    """A set of components of one field strength.

    Parameters
    ----------
    frequency_mhz
        Proton frequency the set was made for.
    dwell_time_s
        Sampling interval of the components' decays (0 for simulated lines).
    source
        `simulated`, `lcmodel-basis`, `lcmodel-raw` or `fsl-json`.
    """

    components: tuple[Component, ...]
    frequency_mhz: float
    dwell_time_s: float
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """The components' names, in order."""
        return tuple(component.name for component in self.components)

    def without(self, names: tuple[str, ...]) -> "Basis":
        """Return the set without the named components."""
        kept = tuple(component for component in self.components if component.name not in names)
        return dataclasses.replace(self, components=kept)

    def extended(self, components: tuple[Component, ...]) -> "Basis":
        """Return the set with more components."""
        return dataclasses.replace(self, components=self.components + components)

    def on(self, grid: TimeGrid) -> Complex:
        """Return the components' decays on a decimated time grid, one a row.

        Only what lies in the grid's frequency window is kept, as it is for the data.
        """
        rows = np.empty((len(self.components), len(grid.times_s)), dtype=np.complex128)
        stored = [index for index, component in enumerate(self.components) if component.fid is not None]
        if stored:
            fids = np.stack([self.components[index].fid for index in stored])  # type: ignore[misc] # filtered above
            rows[stored] = _decimated(fids, self.dwell_time_s, self.frequency_mhz, grid)
        for index, component in enumerate(self.components):
            if component.lines is not None:
                rows[index] = _sampled(component.lines, component.widths_hz, grid)
        return np.asarray(rows)


def _sampled(lines: Lines, widths_hz: tuple[tuple[float, float], ...], grid: TimeGrid) -> Complex:
    ppm = CENTRE_PPM + lines.frequencies_hz / grid.frequency_mhz
    inside = (ppm > WINDOW_PPM[0]) & (ppm < WINDOW_PPM[1])
    moved = Lines(lines.frequencies_hz[inside] - grid.start_hz, lines.amplitudes[inside])
    if widths_hz:
        widths = np.array(widths_hz)[inside]
        lorentzian, gaussian = np.pi * widths[:, :1] * grid.times_s, np.pi * widths[:, 1:] * grid.times_s
        envelopes = np.exp(-lorentzian - gaussian**2 / (4 * np.log(2)))
        fid = (moved.table(grid.dwell_time_s, len(grid.times_s)) * envelopes).sum(axis=0)
    else:
        fid = moved.fid(grid.dwell_time_s, len(grid.times_s))
    fid[0] /= 2
    return np.asarray(fid)


def _decimated(fids: Complex, dwell_time_s: float, frequency_mhz: float, grid: TimeGrid) -> Complex:
    """Cut the window out of the spectra and sum its Fourier series at the grid's times.

    A basis of a slightly different field is placed by ppm; its couplings are then off by less than 1 %.
    """
    halved = fids.copy()
    halved[:, 0] /= 2
    size = 2 * fids.shape[1]
    spectra = np.fft.fft(halved, size)
    ppm = CENTRE_PPM + np.fft.fftfreq(size, dwell_time_s) / frequency_mhz
    inside = (ppm >= WINDOW_PPM[0]) & (ppm < WINDOW_PPM[1])
    hertz = (ppm[inside] - CENTRE_PPM) * grid.frequency_mhz - grid.start_hz
    series = Lines(hertz, np.ones(len(hertz), dtype=np.complex128)).table(grid.dwell_time_s, len(grid.times_s))
    return np.asarray(spectra[:, inside] @ series / size)


def canonical_name(name: str) -> str:
    """Return the name this project uses for a component."""
    return CANONICAL.get(name.strip().lower(), name.strip())


def kind_of(name: str) -> str:
    """Tell metabolites from measured and modelled macromolecules by the name."""
    if MEASURED_MACROMOLECULES.match(name):
        return "measured"
    if SIMULATED_MACROMOLECULE.match(name):
        return "modelled"
    return "metabolite"
