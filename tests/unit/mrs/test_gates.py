"""The design's gates that are exact enough to be tests, on data that nobody here made."""

import dataclasses

import numpy as np
import pytest

from sessions.mrs import Settings, quantify
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.errors import MrsError
from sessions.mrs.measured import measured_macromolecules
from sessions.mrs.pipeline import quantify_spectrum
from sessions.mrs.settings import FSL_LIKE
from sessions.mrs.simulate import parse_simulation, simulate_metabolite
from sessions.mrs.spectrum import Spectrum
from tests.factories.fsl_equivalent import fsl_equivalent
from tests.factories.spectra import brain, shared_data, write

DATA = shared_data()
CHALLENGE = DATA / "ismrm_challenge"
MHZ, DWELL_S = 123.261703, 1 / 4000
STEAM = "sim:steam:11,32@7T"
pytestmark = [
    pytest.mark.validation,
    pytest.mark.skipif(not DATA.is_dir(), reason="the reference spectra are not beside this checkout"),
]


def columns(path) -> tuple[Spectrum, Spectrum]:
    table = np.loadtxt(path)
    header = {"SpectrometerFrequency": [MHZ], "ResonantNucleus": ["1H"], "EchoTime": 0.03}
    return tuple(
        Spectrum((table[:, at] + 1j * table[:, at + 1]).reshape(1, 1, -1), DWELL_S, MHZ, "1H", header) for at in (0, 2)
    )


@pytest.fixture(scope="module")
def basis():
    return load_basis(CHALLENGE / "basisset_LCModel")


def glx_per_naa(document) -> float:
    return document["ratios"]["Glx/tNAA"]["value"]


@pytest.mark.parametrize("number", [2, 7])
def test_gate_3_both_parts_with_a_polynomial_agree_with_an_independent_fit(basis, number) -> None:
    spectrum, _ = columns(CHALLENGE / f"datasets_text/dataset{number}.txt")
    found = fsl_equivalent(
        spectrum.fids[0, 0].conj(), [part.fid for part in basis.components], basis.names,
        [part.kind == "measured" for part in basis.components], dwell_time_s=DWELL_S, frequency_mhz=MHZ,
    )  # fmt: skip
    document, _ = quantify_spectrum(spectrum, None, basis, FSL_LIKE, block_count=0, tell=lambda *_: None)
    expected = (found["Glu"] + found["Gln"]) / (found["NAA"] + found["NAAG"])
    assert glx_per_naa(document) == pytest.approx(expected, rel=0.03)


def test_gate_4_creatine_of_ten_millimolar(tmp_path) -> None:
    spectrum, water = columns(CHALLENGE / "Cr_water_scaling_text/Cr_10mM_test_water_scaling.txt")
    document = quantify(
        write(tmp_path, spectrum), basis=CHALLENGE / "basisset_LCModel", water=write(tmp_path, water, "water.nii.gz")
    ).document
    assert document["concentrations"]["values"]["tCr"]["value"] == pytest.approx(10, rel=0.1)
    assert document["metabolites"]["tNAA"]["amplitude"] < 0.02 * document["metabolites"]["tCr"]["amplitude"]


def test_gate_6_every_simulated_metabolite_is_that_of_the_challenge(basis) -> None:
    sequence = dataclasses.replace(parse_simulation("sim:press:11,19@3T"), frequency_mhz=MHZ)
    times = np.arange(2048) * DWELL_S
    ppm = 4.65 + np.fft.fftfreq(4096, DWELL_S) / MHZ
    inside = (ppm > 0.2) & (ppm < 4.2)
    for part in basis.components:
        if part.kind != "metabolite":
            continue
        theirs = np.fft.fft(part.fid[:2048] * np.exp(-np.pi * 5 * times), 4096)[inside]
        ours = simulate_metabolite(part.name, sequence).fid(DWELL_S, 2048)
        best = 0.0
        for shift in np.arange(-0.6, 0.61, 0.2):
            # Their lines have a width of 1.8 Hz of their own, at which every singlet agrees best.
            turned = ours * np.exp(-np.pi * 6.8 * times + 2j * np.pi * shift * times)
            a = np.fft.fft(turned, 4096)[inside]
            best = max(best, float(np.abs(np.vdot(a, theirs)) / np.linalg.norm(a) / np.linalg.norm(theirs)))
        # Their glycyl line of glutathione, and theirs alone, is broadened by hand: test_glutathione.py.
        assert best > (0.985 if part.name == "GSH" else 0.99), part.name


def test_gate_2_holds_with_the_default_macromolecules_too() -> None:
    document = quantify(DATA / "steam7t_nifti/metab.nii.gz", basis=STEAM).document
    assert 0.74 <= glx_per_naa(document) <= 0.90
    low, high = document["sensitivity"]["Glx/tNAA"]
    assert high / low < 1.05


@pytest.mark.parametrize("folder", ["3T_MM_human_STEAM_CMRR.fid", "7T_MM_human_STEAM_CMRR.fid"])
def test_measured_macromolecules_are_placed_whatever_phase_and_shift_they_have(folder) -> None:
    spectrum = read_spectrum(DATA / "mm" / folder)
    times = np.arange(spectrum.points) * spectrum.dwell_time_s
    moved = spectrum.fids * np.exp(2j + 2j * np.pi * 0.05 * spectrum.frequency_mhz * times)
    one = measured_macromolecules(spectrum, spectrum.frequency_mhz)
    two = measured_macromolecules(dataclasses.replace(spectrum, fids=moved), spectrum.frequency_mhz)
    a, b = (part.lines.fid(spectrum.dwell_time_s, 512) for part in (one, two))
    assert np.vdot(a, b).real / np.linalg.norm(a) / np.linalg.norm(b) > 0.99
    assert one.kind == "measured"


def test_a_metabolite_nulled_scan_of_a_vendor_is_taken() -> None:
    folder = DATA / "philips3t_sdat/with_metabolite_nulled/sub-02/ses-01/mrs"
    nulled = folder / "sub-02_ses-01_press-inverted/sub-02_ses-01_PRESS-Inverted_TI-600_raw-act_noID.SDAT"
    document = quantify(
        folder / "sub-02_ses-01_press/sub-02_ses-01_PRESS_raw-act_noID.SDAT",
        basis=DATA / "basis/3T_PRESS_Philips_35ms_noMM.BASIS",
        macromolecules=nulled,
        settings=Settings(sensitivity_factors=()),
    ).document
    assert document["metabolites"]["MM"]["amplitude"] > 0
    assert 0.8 < glx_per_naa(document) < 2


def test_a_brain_is_no_macromolecule_spectrum() -> None:
    with pytest.raises(MrsError) as refusal:
        measured_macromolecules(brain(), 127.74)
    assert refusal.value.code == "macromolecules-unlike"
