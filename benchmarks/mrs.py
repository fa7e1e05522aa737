"""How long a fit takes, and how far its result depends on what nobody knows: `python benchmarks/mrs.py`."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from sessions.mrs import SYNTHETIC_BASIS, Settings, quantify, simulate_functional
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.io import read_nifti_mrs
from sessions.mrs.pipeline import Fitter
from sessions.mrs.preprocess import prepare

TRUTH = [1.25, 1.262, 1.278, 1.29, 1.294, 1.294]
REPEATS = 7


def shortest(work):
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "functional.nii.gz"
        print(f"simulating a series of 48 transients {shortest(lambda: simulate_functional(TRUTH, seed=1)):8.3f} s")
        print(f"simulating the 20 metabolites of a basis {shortest(lambda: load_basis(SYNTHETIC_BASIS)):5.3f} s")
        path.write_bytes(simulate_functional(TRUTH, seed=1))
        spectrum = read_nifti_mrs(path)
        prepared = prepare(spectrum, None, Settings(), len(spectrum.fids))
        fitter = Fitter(
            spectrum, load_basis(SYNTHETIC_BASIS, frequency_mhz=spectrum.frequency_mhz), Settings(), prepared
        )
        start = fitter.start(prepared)
        mean, _ = fitter.fit(prepared.mean, start)
        print(f"one 3 T spectrum, from the start grid {shortest(lambda: fitter.fit(prepared.mean, start)):8.3f} s")
        one = prepared.blocks[0]
        print(f"one transient, warm {shortest(lambda: fitter.fit(one, mean)):26.3f} s")
        print(f"bounds {shortest(lambda: fitter.estimates(prepared.mean, mean)):39.3f} s")
        print(f"file to document, 6 blocks {shortest(lambda: quantify(path, basis=SYNTHETIC_BASIS)):19.3f} s")
        errors, bands = [], []
        for seed in range(8):
            path.write_bytes(simulate_functional(TRUTH, seed=seed))
            document = quantify(path, basis=SYNTHETIC_BASIS).document
            errors += [b["ratios"]["Glx/tNAA"]["value"] - t for b, t in zip(document["blocks"], TRUTH, strict=True)]
            low, high = document["sensitivity"]["Glx/tNAA"]
            bands.append(high / low - 1)
        print(f"Glx/tNAA of a block: bias {np.mean(errors):+.4f}, SD {np.std(errors):.4f}")
        print(f"Glx/tNAA over the baseline's flexibility x 0.6 to 1.6: moves by {100 * np.mean(bands):.1f} %")


if __name__ == "__main__":
    main()
