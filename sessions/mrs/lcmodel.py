"""LCModel, where an administrator has installed it: run on our data, and read back like any imported result.

Nothing is downloaded, and no control file of a user is ever read: each is written here, from checked numbers. LCModel
runs in a folder of its own with limits on memory, time and files. Its format of data and control file: LCModel & LCMgui
User's Manual (2021), sections 4.2 and 5.3; every key written here stands in the namelist LCMODL of its source.
"""

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.checks import check_basis, check_numbers
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.errors import MrsError
from sessions.mrs.importers import ImportedResult, read_results
from sessions.mrs.preprocess import prepare
from sessions.mrs.settings import Settings
from sessions.mrs.spectrum import Spectrum

Complex = NDArray[np.complexfloating[Any, Any]]

BINARY_VARIABLE = "MRS_LCMODEL_BINARY"
SECONDS = 120
MEMORY_BYTES, FILE_BYTES = 2 * 1024**3, 64 * 1024**2
# LCModel asks for a licence key; since it is free, one key fits all (its README, 2021).
KEY = 210387309
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
DATA, WATER, BASIS, TABLE, CONTROL = "data.raw", "water.raw", "set.basis", "result.table", "control"
FAILED = MrsError(
    "lcmodel-failed",
    "LCModel ended without a result. Choose the basis set of this sequence; if it fails again, tell the administrator.",
)


@dataclass(frozen=True)
class LcmodelRun:
    """What LCModel made of a spectrum.

    Parameters
    ----------
    result
        Its table, each number as it wrote it.
    control
        The control file it was given.
    """

    result: ImportedResult
    control: str


def lcmodel_binary(path: str | Path | None = None) -> Path:
    """Return the LCModel that is installed here.

    Parameters
    ----------
    path
        What an administrator set; without, the environment variable `MRS_LCMODEL_BINARY`.

    Raises
    ------
    MrsError
        `lcmodel-missing`.
    """
    said = str(path or os.environ.get(BINARY_VARIABLE, "")).strip()
    binary = Path(said)
    if not said or not binary.is_absolute() or not binary.is_file() or not os.access(binary, os.X_OK):
        raise MrsError(
            "lcmodel-missing",
            "LCModel is not installed here. Ask the administrator to install it and to enter its path, or import the "
            "table of an LCModel that ran elsewhere.",
        )
    return binary


def run_lcmodel(
    path: str | Path,
    *,
    basis: str | Path,
    water: str | Path | None = None,
    binary: str | Path | None = None,
    condition: str | None = None,
    seconds: float = SECONDS,
) -> LcmodelRun:
    """Fit one spectrum with LCModel.

    Parameters
    ----------
    path
        Any file that can be read; it is combined, aligned and averaged by our preprocessing, its water left in.
    basis
        A .BASIS file; LCModel takes no other.
    water
        Water reference of the same acquisition: eddy currents are corrected by it here, and LCModel scales by it with
        its own assumptions on water (WCONC, ATTH2O).
    binary
        See `lcmodel_binary`.
    condition
        Of edited data.
    seconds
        How long LCModel may work.

    Raises
    ------
    MrsError
        `lcmodel-...`, and what reading and checking raise.
    """
    program = lcmodel_binary(binary)
    source = Path(basis)
    if source.suffix.lower() != ".basis" or not source.is_file():
        raise MrsError("lcmodel-basis", "LCModel needs a .BASIS file made for this sequence. Choose one.")
    spectrum = read_spectrum(path, condition=condition)
    reference = None if water is None else read_spectrum(water)
    check_numbers(spectrum)
    check_basis(spectrum, load_basis(source))
    if reference is not None:
        check_numbers(reference)
    prepared = prepare(spectrum, reference, Settings(remove_water=False), 0)
    fids = {DATA: prepared.mean} | ({} if prepared.water is None else {WATER: prepared.water})
    points, largest = min(map(len, fids.values())), max(float(np.abs(fid).max()) for fid in fids.values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(source, folder / BASIS)
        for file, fid in fids.items():
            (folder / file).write_text(raw_text(fid[:points], largest), "ascii")
        control = control_text(spectrum, points, has_water=WATER in fids)
        (folder / CONTROL).write_text(control, "ascii")
        _run(program, folder, seconds)
        return LcmodelRun(_result(folder / TABLE), control)


def raw_text(fid: Complex, largest: float | None = None) -> str:
    """Return a decay as an LCModel .RAW; there, frequency counts the other way.

    Parameters
    ----------
    largest
        Magnitude that becomes 1000: the same for data and water, whose ratio is wanted.
    """
    head = " $NMID\n ID='spectrum', FMTDAT='(2E15.6)'\n VOLUME=1.0, TRAMP=1.0\n $END\n"
    # Neither very small nor very large numbers fit LCModel's format.
    scaled = np.conj(fid) / (largest or np.abs(fid).max()) * 1e3
    return head + "".join(f"{one.real:15.6E}{one.imag:15.6E}\n" for one in scaled)


def control_text(spectrum: Spectrum, points: int, *, has_water: bool = False) -> str:
    """Return the control file: fixed names, and numbers of the spectrum."""
    lines = {
        "TITLE": "'spectrum'", "OWNER": "''", "KEY": str(KEY), "FILRAW": f"'{DATA}'", "FILBAS": f"'{BASIS}'",
        "FILTAB": f"'{TABLE}'", "FILPS": "'result.ps'", "LTABLE": "7", "NUNFIL": str(points),
        "DELTAT": f"{spectrum.dwell_time_s:.8E}", "HZPPPM": f"{spectrum.frequency_mhz:.6f}", "PPMST": "4.0",
        "PPMEND": "0.2",
    }  # fmt: skip
    echo = spectrum.header.get("EchoTime")
    if echo is not None:
        lines["ECHOT"] = f"{1000 * echo:.3f}"
    if has_water:
        lines |= {"DOWS": "T", "FILH2O": f"'{WATER}'"}
    return " $LCMODL\n" + "".join(f" {key} = {value}\n" for key, value in lines.items()) + " $END\n"


def _run(program: Path, folder: Path, seconds: float) -> None:
    """Run LCModel on the control file; what it prints is not kept, since it may quote paths."""
    environment = {"HOME": str(folder), "PATH": os.defpath, "OMP_NUM_THREADS": "1"}
    with (folder / CONTROL).open("rb") as control:
        try:
            child = subprocess.Popen(
                [str(program)], cwd=folder, env=environment, stdin=control, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=_limit,  # noqa: PLW1509 - no other thread
            )  # fmt: skip
        except OSError:  # a program of another kind of computer
            raise FAILED from None
    with child:
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise MrsError(
                "lcmodel-timeout",
                "LCModel took too long and was stopped. Look at the spectrum; choose another basis set.",
            ) from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode and not (folder / TABLE).is_file():
        raise FAILED


def _limit() -> None:  # pragma: no cover - runs in the child between fork and exec
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, FILE_BYTES), (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        # Whoever runs us may have set less already, which no ordinary user can raise.
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    if LIBC is not None:  # it has a session of its own, so whoever stops us would not stop it
        LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _result(table: Path) -> ImportedResult:
    """Read the table back through the importer: a table that it refuses is no result."""
    if table.is_symlink() or not table.is_file():
        raise FAILED
    try:
        result = read_results(table)
    except MrsError:
        result = None
    if result is None or result.program != "LCModel":
        raise MrsError(
            "lcmodel-output",
            "What LCModel wrote is not a whole table of concentrations. Choose the basis set of this sequence; if it "
            "happens again, tell the administrator.",
        )
    return result
