"""Spectra with a known truth, made with any basis set: lines, phases, water, fat and baseline as they come in vivo."""

from dataclasses import dataclass, field

import numpy as np

from sessions.mrs.basis import Basis
from sessions.mrs.spectrum import Spectrum

# mmol per kg, of the size found at 3 T (Pouwels and Frahm 1998, Magn Reson Med 39:53-60).
CONCENTRATIONS = {
    "NAA": 10.0, "NAAG": 1.5, "Cr": 4.2, "PCr": 4.4, "GPC": 1.1, "PCh": 0.5, "Ins": 6.2, "Tau": 1.3, "GSH": 1.8,
    "GABA": 1.5, "Asp": 2.0, "Asc": 1.0, "Lac": 0.6, "PE": 1.2, "sIns": 0.35, "Glc": 1.0, "Ala": 0.3, "Gly": 0.5,
    "Glu": 9.5, "Gln": 2.5,
}  # fmt: skip
SUMS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCh"), "Glx": ("Glu", "Gln")}
TOLD = ("Glx/tNAA", "Glx/tCr", "Glu/tCr", "Gln/tCr", "tNAA/tCr", "tCho/tCr", "Ins/tCr", "GSH/tCr", "GABA/tCr")
MACROMOLECULE_HEIGHT = 0.14


@dataclass(frozen=True)
class Conditions:
    """One spectrum's circumstances: widths in Hz, heights as shares of NAA's, angles in rad, SNR by 2 SD of noise."""

    width_hz: float = 5.0
    lorentzian: float = 0.6
    skew_rad: float = 0.0
    snr: float = 60.0
    shift_hz: float = 0.0
    phase0: float = 0.0
    phase1_deg_per_ppm: float = 0.0
    humps: float = 0.0
    water: float = 1.0
    fat: float = 0.0
    concentrations: dict[str, float] = field(default_factory=lambda: dict(CONCENTRATIONS))


def drawn(generator: np.random.Generator, **fixed) -> Conditions:
    """Draw circumstances; what is given stays."""
    free = {
        "width_hz": generator.uniform(3, 10),
        "lorentzian": generator.uniform(0.1, 1),
        "snr": np.exp(generator.uniform(np.log(20), np.log(150))),
        "shift_hz": generator.uniform(-15, 15),
        "phase0": generator.uniform(-np.pi, np.pi),
        "phase1_deg_per_ppm": generator.normal(0, 2),
        "water": np.exp(generator.uniform(np.log(0.3), np.log(10))),
        "concentrations": {name: size * np.exp(generator.normal(0, 0.2)) for name, size in CONCENTRATIONS.items()},
    }
    return Conditions(**(free | fixed))


class Maker:
    """Makes spectra of one sequence; the basis is resampled by direct sums, not by the engine's own grid."""

    def __init__(self, basis: Basis, macromolecules=None, *, dwell_time_s: float = 1 / 4000, points: int = 2048):
        self.mhz, self.dwell_s, self.points = basis.frequency_mhz, dwell_time_s, points
        self.times = np.arange(points) * dwell_time_s
        self.fids = {part.name: self._fid(part, basis) for part in basis.components if part.kind == "metabolite"}
        self.macromolecules = None
        if macromolecules is not None:
            fid = macromolecules.lines.fid(dwell_time_s, points) * np.exp(-np.pi * 2 * self.times)
            naa = self.fids["NAA"] * CONCENTRATIONS["NAA"] * np.exp(-np.pi * 5 * self.times)
            self.macromolecules = fid * MACROMOLECULE_HEIGHT * self._height(naa) / self._height(fid, 0.8, 1.0)

    def _fid(self, part, basis: Basis):
        if part.lines is not None:
            return part.lines.fid(self.dwell_s, self.points)
        size = 2 * len(part.fid)
        halved = np.concatenate([part.fid[:1] / 2, part.fid[1:]])
        spectrum = 2 * np.fft.fft(halved, size) / size
        hertz = np.fft.fftfreq(size, basis.dwell_time_s)
        near = np.flatnonzero((hertz / self.mhz + 4.65 > -0.6) & (hertz / self.mhz + 4.65 < 5.2))
        return np.concatenate([
            np.exp(2j * np.pi * np.outer(times, hertz[near])) @ spectrum[near]
            for times in np.array_split(self.times, 8)
        ])  # fmt: skip

    def _height(self, fid, low: float = -9.0, high: float = 99.0) -> float:
        ppm = 4.65 + np.fft.fftfreq(4 * self.points, self.dwell_s) / self.mhz
        return float(np.abs(np.fft.fft(fid, 4 * self.points))[(ppm > low) & (ppm < high)].max())

    def _line(self, ppm: float, width_hz: float, height: float, *, gaussian: bool, phase: float = 0.0):
        decay = (np.pi * width_hz * self.times) ** 2 / (4 * np.log(2)) if gaussian else np.pi * width_hz * self.times
        fid = np.exp(2j * np.pi * (ppm - 4.65) * self.mhz * self.times - decay + 1j * phase)
        return fid * height / self._height(fid)

    def spectrum(self, c: Conditions, generator: np.random.Generator, noise: np.random.Generator | None = None):
        """Return a spectrum and the true ratios; `noise` may be another generator, for repeats of one spectrum."""
        lorentzian = c.lorentzian * c.width_hz
        gaussian = np.sqrt(max(c.width_hz**2 - lorentzian * c.width_hz, 0))
        damping = np.exp(-np.pi * lorentzian * self.times - (np.pi * gaussian * self.times) ** 2 / (4 * np.log(2)))
        damping = damping * np.exp(1j * c.skew_rad * (1 - np.exp(-self.times / 0.03)))
        amounts = {name: size for name, size in c.concentrations.items() if name in self.fids}
        fid = sum(size * self.fids[name] for name, size in amounts.items()) * damping
        naa = self._height(amounts["NAA"] * self.fids["NAA"] * damping)
        if self.macromolecules is not None:
            fid = fid + self.macromolecules
        for _ in range(3 if c.humps else 0):
            at, width = generator.uniform(0, 4.5), generator.uniform(0.5, 1.2) * self.mhz
            fid = fid + self._line(at, width, c.humps * naa * generator.normal(), gaussian=True)
        if c.fat:
            for at, share in ((1.3, 1.0), (0.9, 0.3)):
                fid = fid + self._line(at, 0.145 * self.mhz, c.fat * share * naa, gaussian=True)
        for _ in range(3):
            at, width, size = 4.65 + generator.normal(0, 0.03), generator.uniform(4, 12), generator.uniform(0.3, 1)
            height, phase = c.water * size * naa, generator.uniform(-3, 3)
            fid = fid + self._line(at, width, height, gaussian=False, phase=phase)
        fid = fid * np.exp(2j * np.pi * c.shift_hz * self.times)
        if c.phase1_deg_per_ppm:
            hertz = np.fft.fftfreq(4 * self.points, self.dwell_s)
            turned = np.fft.fft(np.concatenate([fid[:1] / 2, fid[1:]]), 4 * self.points)
            turned = turned * np.exp(-1j * np.deg2rad(c.phase1_deg_per_ppm) * (hertz / self.mhz + 1.65))
            fid = np.fft.ifft(turned)[: self.points]
            fid[0] *= 2
        sd = naa / (2 * c.snr) / np.sqrt(self.points)
        shots = (noise or generator).normal(0, sd, (2, self.points))
        fid = fid * np.exp(-1j * c.phase0) + shots[0] + 1j * shots[1]
        header = {"SpectrometerFrequency": [self.mhz], "ResonantNucleus": ["1H"]}
        return Spectrum(fid.reshape(1, 1, -1), self.dwell_s, self.mhz, "1H", header), self._truth(amounts)

    def _truth(self, amounts: dict[str, float]) -> dict[str, float]:
        def amount(name: str) -> float:
            return sum(amounts.get(part, 0.0) for part in SUMS.get(name, (name,)))

        pairs = [ratio.split("/") for ratio in TOLD]
        return {f"{a}/{b}": amount(a) / amount(b) for a, b in pairs if amount(a) > 0}
