"""Why gate 6 is missed for glutathione: what differs between the challenge's basis and everybody else's, and ours."""

import dataclasses

import numpy as np
import pytest

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.simulate import parse_simulation, simulate_metabolite
from sessions.mrs.spins import SPIN_SYSTEMS
from tests.factories.spectra import shared_data

DATA = shared_data()
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no reference spectra in {DATA}")
CHALLENGE = "ismrm_challenge/basisset_LCModel"
OTHERS = (
    "basis/3T_PRESS_Philips_35ms_noMM.BASIS", "basis/slaser_3t_123mhz_with_mm.basis", "basis/slaser36_7t_json",
    "lcmodel_test/3t.basis",
)  # fmt: skip
GLYCYL_PPM, CREATINE_PPM = 3.769, 3.027
# Fitted to the challenge's glycyl line: exp(-(13.45 t)^2), 7.1 Hz wide.
GAUSSIAN_PER_S = 13.45


def width_hz(path: str, name: str, shift_ppm: float) -> float:
    """Return the full width at half height of one line of a basis spectrum."""
    basis = load_basis(DATA / path)
    fid = next(part.fid for part in basis.components if part.name == name)
    size = np.abs(np.fft.fft(fid, 65536))
    hertz = np.fft.fftfreq(65536, basis.dwell_time_s) - (shift_ppm - 4.65) * basis.frequency_mhz
    order = np.argsort(hertz)
    hertz, size = hertz[order], size[order]
    peak = int(np.argmax(np.where(np.abs(hertz) < 8, size, 0)))
    low, high = peak, peak
    while size[low] > size[peak] / 2:
        low -= 1
    while size[high] > size[peak] / 2:
        high += 1
    return float(hertz[high] - hertz[low])


@pytest.mark.parametrize("path", OTHERS)
def test_four_other_bases_have_glycyl_protons_as_sharp_as_creatine(path) -> None:
    assert width_hz(path, "GSH", GLYCYL_PPM) == pytest.approx(width_hz(path, "Cr", CREATINE_PPM), rel=0.1)


def test_the_challenge_has_them_twice_as_broad() -> None:
    assert width_hz(CHALLENGE, "GSH", GLYCYL_PPM) > 2.2 * width_hz(CHALLENGE, "Cr", CREATINE_PPM)


def test_with_that_breadth_the_gate_is_met() -> None:
    basis = load_basis(DATA / CHALLENGE)
    dwell_s, mhz = 1 / 4000, basis.frequency_mhz
    times = np.arange(2048) * dwell_s
    ppm = 4.65 + np.fft.fftfreq(4096, dwell_s) / mhz
    inside = (ppm > 0.2) & (ppm < 4.2)
    theirs = next(part.fid for part in basis.components if part.name == "GSH")[:2048] * np.exp(-np.pi * 5 * times)
    sequence = dataclasses.replace(parse_simulation("sim:press:11,19@3T"), frequency_mhz=mhz)
    whole = simulate_metabolite("GSH", sequence).fid(dwell_s, 2048)
    glycyl = 2 * np.exp(2j * np.pi * (GLYCYL_PPM - 4.65) * mhz * times)
    broad = whole + glycyl * (np.exp(-((GAUSSIAN_PER_S * times) ** 2)) - 1)
    found = {}
    for name, ours in (("sharp", whole), ("broad", broad)):
        a, b = (np.fft.fft(one, 4096)[inside] for one in (ours * np.exp(-np.pi * 6.8 * times), theirs))
        found[name] = float(np.abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b))
    assert found["sharp"] == pytest.approx(0.985, abs=0.003)
    assert found["broad"] > 0.997


def test_the_glycyl_protons_are_two_at_one_shift() -> None:
    """Govindaraju 2000 gives one shift and no coupling; its amide proton's coupling was not published."""
    glycyl = SPIN_SYSTEMS["GSH"][0]
    assert (glycyl.shifts_ppm, glycyl.couplings_hz, glycyl.weight) == ((3.769,), {}, 2)


def test_glutamate_is_coupled_as_published() -> None:
    """3-4, 3-4', 3'-4, 3'-4' of Govindaraju 2000, by the atoms' names and not the order of its rows."""
    glutamate = SPIN_SYSTEMS["Glu"][0].couplings_hz
    assert [glutamate[pair] for pair in ((1, 3), (1, 4), (2, 3), (2, 4))] == [6.413, 8.406, 8.478, 6.875]
