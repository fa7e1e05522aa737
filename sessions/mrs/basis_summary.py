"""What an uploaded basis set is, before it is kept: its parts, its acquisition, small spectra to look at.

An archive of .RAW or FSL .json files becomes one .BASIS text, so that a study keeps one file whose hash names it. Names
inside an archive are metabolites' names and are kept; nothing else of them is believed.
"""

import re
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.archives import _check_member
from sessions.mrs.basis import Basis
from sessions.mrs.basis_loading import LARGEST_BASIS_BYTES, load_basis
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import make_grid
from sessions.mrs.measured import measured_macromolecules

Real = NDArray[np.floating[Any]]

MHZ_PER_TESLA = 42.577
PREVIEW_PPM, PREVIEW_POINTS, PREVIEW_WIDTH_HZ = (0.2, 4.2), 120, 5.0
PREVIEW_SAMPLES, PREVIEW_DWELL_PER_TESLA = 2048, 1.5e-3
MOST_PARTS = 100
PART = re.compile(r"[A-Za-z0-9_+-]{1,24}\.(raw|json|basis)", re.IGNORECASE)
NEEDED = ("NAA", "Glu")


def describe_basis(path: Path, *, out: Path | None = None) -> dict[str, Any]:
    """Read a basis set of metabolites and say what it is.

    Parameters
    ----------
    path
        .BASIS file, zip archive of .RAW files with their .BASIS or of FSL .json files, or a simulation.
    out
        Where an archive's .BASIS text is written.

    Raises
    ------
    MrsError
        `basis-...`, `archive-...`: what is wrong with it.
    """
    spec = str(path)
    is_archive = path.suffix.lower() == ".zip"
    if is_archive:
        folder = path.parent / f"{path.stem}-parts"
        folder.mkdir()
        _unpack(path, folder)
        spec = str(folder)
    basis = load_basis(spec)
    missing = [name for name in NEEDED if name not in basis.names]
    if missing:
        raise MrsError(
            "basis-incomplete", f"The basis has no {' and no '.join(missing)}: ratios could not be computed."
        )
    if out is not None and is_archive:
        out.write_text(lcmodel_text(basis))
    return _summary(basis)


def describe_macromolecules(path: Path) -> dict[str, Any]:
    """Read a measured macromolecule spectrum and say what it is.

    Raises
    ------
    MrsError
        It cannot be read, or does not look like macromolecules.
    """
    spectrum = read_spectrum(path)
    part = measured_macromolecules(spectrum, spectrum.frequency_mhz)
    found = _summary(Basis((part,), spectrum.frequency_mhz, spectrum.dwell_time_s, "measured"))
    echo = spectrum.header.get("EchoTime")
    echo_time_ms = echo * 1000 if isinstance(echo, int | float) else None
    return found | {"points": spectrum.points, "echo_time_ms": echo_time_ms}


def lcmodel_text(basis: Basis) -> str:
    """Return a basis set as .BASIS text: spectra of decays that are zero-filled once."""
    lines = []
    points = 0
    for component in basis.components:
        assert component.fid is not None
        points = 2 * len(component.fid)
        spectrum = np.fft.fft(component.fid, points)
        name = component.name
        lines.append(f" $BASIS\n ID = '{name}'\n METABO = '{name}'\n CONC = 1.\n ISHIFT = 0\n $END\n")
        pairs = np.column_stack([spectrum.real, spectrum.imag])
        lines += [f" {real:.9E} {imaginary:.9E}\n" for real, imaginary in pairs]
    head = (
        f" $SEQPAR\n FWHMBA = 0.02\n HZPPPM = {basis.frequency_mhz:.6f}\n $END\n"
        f" $BASIS1\n BADELT = {basis.dwell_time_s:.9E}\n NDATAB = {points}\n $END\n"
    )
    return head + "".join(lines)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [one for one in packed.infolist() if not one.is_dir()]
            for one in members:
                _check_member(one)
            wanted = {PurePosixPath(one.filename).name: one for one in members}
            wanted = {name: one for name, one in wanted.items() if PART.fullmatch(name)}
            if len(wanted) > MOST_PARTS or sum(one.file_size for one in wanted.values()) > LARGEST_BASIS_BYTES:
                raise MrsError("basis-too-large", "The archive holds more than a basis set can be.")
            for name, one in wanted.items():
                with packed.open(one) as source:
                    (folder / name).write_bytes(source.read(one.file_size))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError):
        raise MrsError("archive-damaged", "The zip archive is damaged or was not copied completely.") from None


def _summary(basis: Basis) -> dict[str, Any]:
    decays = [len(one.fid) for one in basis.components if one.fid is not None]
    ppm, rows = _preview(basis)
    return {
        "metabolites": list(basis.names),
        "frequency_mhz": round(basis.frequency_mhz, 4),
        "field_tesla": round(basis.frequency_mhz / MHZ_PER_TESLA, 2),
        "dwell_time_s": basis.dwell_time_s or None,
        "points": min(decays) if decays else None,
        "source": basis.source,
        "preview": {
            "ppm": [round(float(value), 3) for value in ppm],
            "spectra": {
                name: [round(float(value), 3) for value in row] for name, row in zip(basis.names, rows, strict=True)
            },
        },
    }


def _preview(basis: Basis) -> tuple[Real, list[Real]]:
    """Return each part's spectrum, a little broadened, its largest value 1, on few points; descending ppm."""
    dwell = PREVIEW_DWELL_PER_TESLA * MHZ_PER_TESLA / basis.frequency_mhz
    grid = make_grid(basis.frequency_mhz, dwell, PREVIEW_SAMPLES)
    fids = basis.on(grid) * np.exp(-np.pi * PREVIEW_WIDTH_HZ * grid.times_s)
    spectra = np.fft.fft(fids, grid.size, axis=1).real
    ppm = np.linspace(PREVIEW_PPM[1], PREVIEW_PPM[0], PREVIEW_POINTS)
    rows: list[Real] = []
    for spectrum in spectra:
        # The largest value of each step, so that no narrow line falls between two points.
        edges = np.searchsorted(grid.ppm, np.append(ppm + (ppm[0] - ppm[1]) / 2, ppm[-1] - (ppm[0] - ppm[1]) / 2))
        steps = [spectrum[low : max(high, low + 1)] for high, low in pairwise(edges)]
        row = np.array([step[np.argmax(np.abs(step))] for step in steps])
        rows.append(row / (float(np.abs(row).max()) or 1.0))
    return ppm, rows
