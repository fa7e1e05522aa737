"""The engine's gates, its error on known truth, and other programs beside it: `./portal bench mrs [--quick] [--json]`.

Reference spectra are looked for in `shared/data/mrs` beside the checkout; without them only what needs none is done.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from sessions.mrs import Settings, quantify
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.bench import bench
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.errors import MrsError
from sessions.mrs.importers import read_results
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.lcmodel import run_lcmodel
from sessions.mrs.measured import measured_macromolecules
from sessions.mrs.pipeline import quantify_spectrum
from sessions.mrs.settings import FSL_LIKE
from sessions.mrs.simulate import parse_simulation, simulate_metabolite
from sessions.mrs.spectrum import Spectrum
from tests.factories.fsl_equivalent import fsl_equivalent
from tests.factories.spectra import shared_data
from tests.factories.truth import CONCENTRATIONS, TOLD, Conditions, Maker, drawn

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


def robustness(count):
    """Bias and root mean square error, in percent of the truth, on spectra made with other basis sets."""
    challenge, philips = load_basis(CHALLENGE), load_basis(PHILIPS)
    seven, siemens = load_basis(DATA / "basis/slaser36_7t_json"), load_basis(DATA / "lcmodel_test/3t.basis")
    human = measured_macromolecules(read_spectrum(DATA / "mm/3T_MM_human_STEAM_CMRR.fid"), 127.74)
    seven_human = measured_macromolecules(read_spectrum(DATA / "mm/7T_MM_human_STEAM_CMRR.fid"), seven.frequency_mhz)
    own = Maker(challenge, human)
    simulated = load_basis("sim:press:11,19@3T", frequency_mhz=MHZ)
    with_human = challenge.without(("Mac",)).extended((human,))
    of_siemens = Maker(siemens, human, dwell_time_s=1 / 2000, points=1024)
    of_seven = Maker(seven, seven_human, dwell_time_s=1 / 6000, points=4096)
    metabolites = seven.without(tuple(part.name for part in seven.components if part.kind != "metabolite"))
    much = {"concentrations": CONCENTRATIONS | {"GABA": 4.0, "Gln": 6.0, "Lac": 4.0, "Ala": 2.0}}
    little = {"concentrations": CONCENTRATIONS | {"GABA": 0.4, "Gln": 0.8, "GSH": 0.5}}
    scenarios = (
        ("measured macromolecules", own, with_human, {}),
        ("bent lines", own, with_human, {"skew_rad": 0.6}),
        ("humps", own, with_human, {"humps": 0.05}),
        ("fat", own, with_human, {"fat": 0.5}),
        ("SNR 10", own, with_human, {"snr": 10.0}),
        ("lines of 12 Hz", own, with_human, {"width_hz": 12.0}),
        ("much Gln, GABA, Lac, Ala", own, with_human, much),
        ("little Gln, GABA, GSH", own, with_human, little),
        ("made simulated, fitted challenge", Maker(simulated, human), with_human, {}),
        ("made challenge, fitted simulated", own, simulated.extended((human,)), {}),
        ("default macromolecules, Philips", Maker(philips, human, dwell_time_s=1 / 2000, points=1024), philips, {}),
        ("default macromolecules, LCModel's", of_siemens, siemens, {}),
        ("7 T, measured macromolecules", of_seven, metabolites.extended((seven_human,)), {"width_hz": 11.0}),
        ("7 T, default macromolecules", of_seven, metabolites, {"width_hz": 11.0}),
    )
    print(f"\nError on known truth, {count} spectra a line: bias / root mean square error in percent")
    print("  SNR 20-150, 3-10 Hz, +-15 Hz, any phase, water 0.3-10 x NAA, concentrations +-20 %, unless said otherwise")
    print(f"  {'':<36}" + "".join(f"{name.replace('/tCr', ''):>12}" for name in TOLD) + f"{'refused':>9}")
    table = {}
    for label, maker, basis, fixed in scenarios:
        generator = np.random.default_rng(2016)
        errors, refused = {name: [] for name in TOLD}, 0
        for _ in range(count):
            spectrum, truth = maker.spectrum(drawn(generator, **fixed), generator)
            try:
                document = in_memory(spectrum, basis)
            except MrsError:
                refused += 1
                continue
            for name, true in truth.items():
                errors[name].append((document["ratios"][name]["value"] or 0.0) / true - 1)
        table[label] = {
            name: [round(100 * float(np.mean(e)), 1), round(100 * float(np.sqrt(np.mean(np.square(e)))), 1)]
            for name, e in errors.items()
            if e
        }
        cells = "".join(f"{table[label][name][0]:>+6.1f}/{table[label][name][1]:<5.1f}" for name in TOLD)
        print(f"  {label:<36}{cells}{refused:>9}", flush=True)
    return table


def coverage(count):
    """How repeats of one spectrum scatter, over the bounds told for them."""
    challenge = load_basis(CHALLENGE)
    human = measured_macromolecules(read_spectrum(DATA / "mm/3T_MM_human_STEAM_CMRR.fid"), MHZ)
    maker, basis = Maker(challenge, human), challenge.without(("Mac",)).extended((human,))
    print(f"\nBounds: standard deviation of {count} repeats over the mean bound (known to {70 / np.sqrt(count):.0f} %)")
    found = {}
    for label, c in (("SNR 60, 5 Hz", Conditions()), ("SNR 30, 8 Hz", Conditions(snr=30.0, width_hz=8.0))):
        noise, values, bounds = np.random.default_rng(7), {}, {}
        for _ in range(count):
            spectrum, _ = maker.spectrum(c, np.random.default_rng(3), noise)
            for name, ratio in in_memory(spectrum, basis)["ratios"].items():
                if name in TOLD and ratio["value"] and ratio["crlb_percent"]:
                    values.setdefault(name, []).append(ratio["value"])
                    bounds.setdefault(name, []).append(ratio["value"] * ratio["crlb_percent"] / 100)
        found[label] = {name: round(float(np.std(values[name]) / np.mean(bounds[name])), 2) for name in values}
        print(f"  {label:<16}" + "  ".join(f"{name} {value:.2f}" for name, value in found[label].items()), flush=True)
    return found


def other_programs():
    """Run what is installed on challenge set 7 in the same call."""
    print("\nOther programs on this machine (challenge set 7)")
    spectrum, _ = columns(DATA / "ismrm_challenge/datasets_text/dataset7.txt")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set7.nii.gz"
        path.write_bytes(nifti_mrs_bytes(spectrum))
        began = time.perf_counter()
        found["this engine"] = (ratios(quantify(path, basis=CHALLENGE).document), time.perf_counter() - began)
        program = shutil.which("fsl_mrs")
        if program:
            out = Path(folder) / "out"
            command = [program, "--data", str(path), "--basis", str(CHALLENGE), "--output", str(out), "--overwrite"]
            began = time.perf_counter()
            subprocess.run(command, check=False, capture_output=True, timeout=300)
            found["FSL-MRS"] = (amounts(read_results(out)), time.perf_counter() - began)
        try:
            began = time.perf_counter()
            found["LCModel"] = (amounts(run_lcmodel(path, basis=CHALLENGE / "press3T_30ms.BASIS").result), 0.0)
            found["LCModel"] = (found["LCModel"][0], time.perf_counter() - began)
        except MrsError as error:
            print(f"  LCModel: {error.message}")
    for label, (values, seconds) in found.items():
        row(label, values, f"  {seconds:.2f} s")
    if not program:
        print("  FSL-MRS: not installed.")
    return {label: {"ratios": values, "seconds": seconds} for label, (values, seconds) in found.items()}


def amounts(result):
    """Return the shown ratios of an imported result."""
    sizes = {}
    for one in result.metabolites:
        if one.estimates:
            sizes[one.name] = float(one.estimates[0].value)
    parts = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "Glx": ("Glu", "Gln")}

    def size(name):
        return sum(sizes.get(part, 0.0) for part in parts.get(name, (name,)))

    return [size(a) / size(b) if size(b) else None for a, b in (name.split("/") for name in SHOWN)]


def main():
    quick = "--quick" in sys.argv
    has_data = DATA.is_dir()
    measured = bench(DATA if has_data else None, transients=60 if quick else 300)
    found = {"bench": measured}
    if has_data:
        found["known"] = known_spectra()
        found["gate_3_worst"] = gate_3()
        found["gate_4_mmol"] = gate_4()
        found["gate_6"] = gate_6()
        found["robustness"] = robustness(5 if quick else 40)
        found["coverage"] = coverage(8 if quick else 240)
        found["programs"] = other_programs()
    gates(found)
    if "--json" in sys.argv:
        print(json.dumps(found, default=str))


def gates(found):
    measured = found["bench"]
    print("\nGates")
    rows = []
    if "known" in found:
        functional, known = measured["functional"], list(found["known"].values())
        worst = min(found["gate_6"], key=found["gate_6"].get)
        rows = [
            ("1 bias of Glx/tNAA in functional series", f"{functional['mean_bias_percent']:+.2f} %", "2 %"),
            ("1 largest error of a window of 5", functional["largest_window_rmse"], "0.03"),
            ("1 effects of glutamate within 2 SE", functional["glutamate_effects_within_2_se"], "most"),
            ("2 Glx/tNAA at 7 T, default and measured", f"{known[0][5]:.3f}, {known[1][5]:.3f}", "0.74-0.90"),
            ("2 its band", ", ".join(f"{100 * (one[7] / one[6] - 1):.1f} %" for one in known[:2]), "5 %"),
            ("3 farthest from an FSL-equivalent fit", f"{100 * found['gate_3_worst']:.1f} %", "3 %"),
            ("4 creatine of 10 mM", f"{found['gate_4_mmol']:.2f} mM", "9-11 (FSL-MRS 10.78)"),
            ("6 least likeness to the challenge's basis", f"{worst} {found['gate_6'][worst]:.3f}", "0.99"),
        ]  # fmt: skip
    speed, align = measured["speed"], measured["alignment"]
    rows += [
        ("5 alignment", f"{align['rmse_hz']} Hz, {align['rmse_deg']} degrees", "0.2, 1 (FSL-MRS 0.42, 1.5)"),
        ("8 one 3 T spectrum", f"{speed['one_3t_spectrum_s']} s", "0.05 (FSL-MRS 1.6, LCModel 1.0)"),
        ("8 one transient of a series", f"{speed['series_per_transient_s']} s", "0.03 (FSL-MRS 0.37)"),
        (f"8 {speed['series_of_transients']} transients, file to document", f"{speed['series_end_to_end_s']} s",
         "10 for 300"),
    ]  # fmt: skip
    for label, value, gate in rows:
        print(f"  {label:<46}{value!s:>24}   {gate}")


if __name__ == "__main__":
    main()
