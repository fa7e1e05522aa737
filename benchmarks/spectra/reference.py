"""Spectra on which other programs' results are known, and the gates that are measured on them."""

import tempfile
from pathlib import Path

import numpy as np

from sessions.mrs import Settings, quantify
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.pipeline import quantify_spectrum
from sessions.mrs.settings import FSL_LIKE
from sessions.mrs.simulate import parse_simulation, simulate_metabolite
from sessions.mrs.spectrum import Spectrum
from tests.factories.fsl_equivalent import fsl_equivalent
from tests.factories.spectra import shared_data

DATA = shared_data()
MHZ, DWELL_S = 123.261703, 1 / 4000
STEAM = "sim:steam:11,32@7T"
CHALLENGE = DATA / "ismrm_challenge/basisset_LCModel"
PHILIPS = DATA / "basis/3T_PRESS_Philips_35ms_noMM.BASIS"
SHOWN = ("Glu/tCr", "Gln/tCr", "Glx/tCr", "tNAA/tCr", "Ins/tCr", "Glx/tNAA")
NO_BAND = Settings(sensitivity_factors=())


def in_memory(spectrum, basis, settings=NO_BAND):
    return quantify_spectrum(spectrum, None, basis, settings, block_count=0, tell=lambda *_: None)[0]


def columns(path):
    table = np.loadtxt(path)
    header = {"SpectrometerFrequency": [MHZ], "ResonantNucleus": ["1H"], "EchoTime": 0.03}
    return [
        Spectrum((table[:, at] + 1j * table[:, at + 1]).reshape(1, 1, -1), DWELL_S, MHZ, "1H", header) for at in (0, 2)
    ]


def ratios(document):
    return [document["ratios"].get(name, {}).get("value") for name in SHOWN]


def row(label, values, more=""):
    print(f"  {label:<46}" + "".join(f"{value:>9.3f}" if value is not None else f"{'-':>9}" for value in values) + more)


def known_spectra():
    """Spectra on which other programs' results are known."""
    print("\nRatios beside those of other programs on the same spectra")
    print(f"  {'':<46}" + "".join(f"{name:>9}" for name in SHOWN))
    seven = DATA / "mm/7T_MM_human_STEAM_CMRR.fid"
    steam = DATA / "steam7t_nifti/metab.nii.gz"
    found = {}
    for label, options in (
        ("7 T STEAM, simulated, default macromolecules", {}),
        ("7 T STEAM, simulated, measured", {"macromolecules": seven}),
    ):
        document = quantify(steam, basis=STEAM, **options).document
        low, high = document["sensitivity"]["Glx/tNAA"]
        row(label, ratios(document), f"  band {low:.3f}-{high:.3f}")
        found[label] = ratios(document) + [low, high]
    row("  LCModel, basis of that sequence", [1.057, 0.248, 1.306, 1.605, 0.814, 0.814])
    row("  FSL-MRS, basis of that sequence", [None, None, 1.313, 1.597, None, 0.822])
    for subject, reference in (
        ("01", [1.229, 0.139, 1.368, 1.427, 0.792, 0.959]),
        ("02", [1.264, 0.246, 1.510, 1.570, 0.712, 0.962]),
    ):
        folder = DATA / f"philips3t_sdat/sub-{subject}/ses-01/mrs"
        files = [
            folder / f"sub-{subject}_ses-01_press{kind}/sub-{subject}_PRESS_35_{end}.sdat"
            for kind, end in (("", "act"), ("-ref", "ref"))
        ]
        for label, water in ((f"Philips 3 T, person {subject}, water reference", files[1]), ("  without", None)):
            document = quantify(files[0], water=water, basis=PHILIPS).document
            low, high = document["sensitivity"]["Glx/tNAA"]
            row(label, ratios(document), f"  band {low:.3f}-{high:.3f}")
            found[f"{subject} {label}"] = ratios(document)
        row("  LCModel with its own macromolecules", reference)
    spectrum, _ = columns(DATA / "ismrm_challenge/datasets_text/dataset7.txt")
    basis = load_basis(CHALLENGE)
    for label, settings in (("challenge 7", NO_BAND), ("challenge 7, both parts, polynomial", FSL_LIKE)):
        document = in_memory(spectrum, basis, settings)
        row(label, ratios(document))
        found[label] = ratios(document)
    row("  FSL-MRS", [1.314, 0.311, 1.625, 1.596, 0.712, 1.018])
    return found


def gate_3():
    basis = load_basis(CHALLENGE)
    worst = 0.0
    print("\nGate 3: challenge sets, both parts of the spectrum, polynomial of order 2: Glx/tNAA")
    for number in range(1, 11):
        spectrum, _ = columns(DATA / f"ismrm_challenge/datasets_text/dataset{number}.txt")
        other = fsl_equivalent(
            spectrum.fids[0, 0].conj(), [part.fid for part in basis.components], basis.names,
            [part.kind == "measured" for part in basis.components], dwell_time_s=DWELL_S, frequency_mhz=MHZ,
        )  # fmt: skip
        expected = (other["Glu"] + other["Gln"]) / (other["NAA"] + other["NAAG"])
        document = in_memory(spectrum, basis, FSL_LIKE)
        value = document["ratios"]["Glx/tNAA"]["value"]
        worst = max(worst, abs(value / expected - 1))
        converged = document["quality"]["has_converged"]
        print(f"  set {number:<3}{value:8.4f}  independent fit {expected:8.4f}  {100 * (value / expected - 1):+5.1f} %"
              f"  {'converged' if converged else document['flags']}")  # fmt: skip
    return worst


def gate_4():
    spectrum, water = columns(DATA / "ismrm_challenge/Cr_water_scaling_text/Cr_10mM_test_water_scaling.txt")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("creatine.nii.gz", "water.nii.gz")]
        for path, one in zip(paths, (spectrum, water), strict=True):
            path.write_bytes(nifti_mrs_bytes(one))
        document = quantify(paths[0], basis=CHALLENGE, water=paths[1]).document
    return document["concentrations"]["values"]["tCr"]["value"]


def gate_6():
    sequence = parse_simulation("sim:press:11,19@3T")
    sequence = type(sequence)(sequence.kind, sequence.first_ms, sequence.second_ms, MHZ)
    times = np.arange(2048) * DWELL_S
    ppm = 4.65 + np.fft.fftfreq(4096, DWELL_S) / MHZ
    inside = (ppm > 0.2) & (ppm < 4.2)
    found = {}
    for part in load_basis(CHALLENGE).components:
        if part.kind == "metabolite":
            theirs = np.fft.fft(part.fid[:2048] * np.exp(-np.pi * 5 * times), 4096)[inside]
            ours = simulate_metabolite(part.name, sequence).fid(DWELL_S, 2048)
            found[part.name] = max(
                float(np.abs(np.vdot(a, theirs)) / np.linalg.norm(a) / np.linalg.norm(theirs))
                for shift in np.arange(-0.6, 0.61, 0.2)
                for a in [np.fft.fft(ours * np.exp(-np.pi * 6.8 * times + 2j * np.pi * shift * times), 4096)[inside]]
            )
    return found
