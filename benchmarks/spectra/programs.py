"""FSL-MRS and LCModel beside the engine on the same spectrum in the same call, where they are installed.

A program that is absent, fails or answers with something else costs a sentence, never the benchmark.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.spectra.reference import CHALLENGE, DATA, SHOWN, columns, ratios, row
from sessions.mrs import quantify
from sessions.mrs.basis import canonical_name
from sessions.mrs.errors import MrsError
from sessions.mrs.importers import read_results
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.lcmodel import lcmodel_binary, run_lcmodel

BASIS = CHALLENGE / "press3T_30ms.BASIS"
PATIENCE_SECONDS = 300
PARTS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "Glx": ("Glu", "Gln")}


class Silent(Exception):
    """A program gave nothing to compare; the message says why."""


def other_programs():
    """Run what is installed on challenge set 7; times of other programs include their start."""
    print("\nOther programs on this machine (challenge set 7; wall clock, with the program's start)")
    spectrum, _ = columns(DATA / "ismrm_challenge/datasets_text/dataset7.txt")
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "set7.nii.gz"
        path.write_bytes(nifti_mrs_bytes(spectrum))
        for label, run in (("this engine", ours), ("FSL-MRS", fsl_mrs), ("LCModel", lcmodel)):
            began = time.perf_counter()
            try:
                values = run(path, folder)
            except Silent as silence:
                print(f"  {label}: {silence}")
                continue
            seconds = time.perf_counter() - began
            row(label, values, f"  {seconds:.2f} s")
            found[label] = {"ratios": values, "seconds": seconds}
    return found


def ours(path, _folder):
    """Return our ratios."""
    return ratios(quantify(path, basis=CHALLENGE).document)


def fsl_mrs(path, folder, *, basis=BASIS, seconds=PATIENCE_SECONDS):
    """Return the ratios of the FSL-MRS on the path, with its own defaults."""
    program = shutil.which("fsl_mrs")
    if program is None:
        raise Silent("not installed.")
    out = folder / "fsl"
    command = [program, "--data", str(path), "--basis", str(basis), "--output", str(out), "--overwrite"]
    try:
        ended = subprocess.run(command, check=False, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        msg = f"it took longer than {seconds} s and was stopped."
        raise Silent(msg) from None
    except OSError as error:
        msg = f"it could not be started ({error.strerror})."
        raise Silent(msg) from None
    if ended.returncode:
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
        msg = f"it ended with code {ended.returncode}: {' '.join(last)[:160].rstrip('.') or 'nothing was said'}."
        raise Silent(msg)
    return _amounts(lambda: read_results(out))


def lcmodel(path, _folder, *, basis=BASIS, binary=None):
    """Return the ratios of the LCModel that `MRS_LCMODEL_BINARY` names."""
    try:
        program = lcmodel_binary(binary)
    except MrsError:
        raise Silent("not installed (its path goes into MRS_LCMODEL_BINARY).") from None
    return _amounts(lambda: run_lcmodel(path, basis=basis, binary=program).result)


def _amounts(result):
    try:
        return amounts(result())
    except MrsError as error:
        raise Silent(error.message) from None


def amounts(result):
    """Return the shown ratios of an imported result; where a part was not found, its share of a sum is nothing."""
    sizes = {}
    for one in result.metabolites:
        if one.estimates and one.estimates[0].value:
            sizes[canonical_name(one.name)] = float(one.estimates[0].value)

    def size(name):
        return sum(sizes.get(part, 0.0) for part in PARTS.get(name, (name,)))

    return [size(a) / size(b) if size(b) else None for a, b in (name.split("/") for name in SHOWN)]
