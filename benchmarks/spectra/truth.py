"""Error and honesty of the bounds on spectra of known truth, made with other basis sets than the one fitted."""

import numpy as np

from benchmarks.spectra.reference import CHALLENGE, DATA, MHZ, PHILIPS, in_memory
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.errors import MrsError
from sessions.mrs.measured import measured_macromolecules
from tests.factories.truth import CONCENTRATIONS, TOLD, Conditions, Maker, drawn


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
