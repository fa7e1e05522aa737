"""Loading a basis set from a file, a folder or a simulation, and naming it.

Readers: LCModel .BASIS (frequency domain) and .RAW (time domain), FSL JSON. Never a pickle, a .mat object or a control
file.
"""

import dataclasses
import hashlib
from pathlib import Path

from sessions.mrs.basis import Basis, Component
from sessions.mrs.basis_files import read_fsl_json, read_lcmodel_basis, read_raw_folder
from sessions.mrs.errors import MrsError
from sessions.mrs.simulate import Sequence, parse_simulation, simulate_metabolite

LARGEST_BASIS_BYTES = 64 * 1024 * 1024


def load_basis(spec: str | Path, *, frequency_mhz: float | None = None) -> Basis:
    """Load a basis from a file, a folder or a simulation.

    Parameters
    ----------
    spec
        Path, or `sim:press:TE1,TE2@3T`, `sim:steam:TE,TM@7T`, `sim:slaser:TE@7T`.
    frequency_mhz
        Frequency of the data: a simulation within 6 % of it is made at exactly this frequency.

    Raises
    ------
    MrsError
        `basis-...`: what is wrong with it.
    """
    if str(spec).lower().startswith("sim:"):
        sequence = parse_simulation(str(spec))
        if frequency_mhz and abs(frequency_mhz / sequence.frequency_mhz - 1) < 0.06:
            sequence = dataclasses.replace(sequence, frequency_mhz=frequency_mhz)
        return simulated_basis(sequence)
    path = Path(spec)
    if path.is_dir():
        return _from_folder(path)
    if not path.is_file():
        raise MrsError("basis-missing", "The basis set was not found. Choose another.")
    if path.stat().st_size > LARGEST_BASIS_BYTES:
        raise MrsError("basis-too-large", "The basis set is larger than 64 MB. Choose another.")
    if path.suffix.lower() != ".basis":
        raise MrsError(
            "basis-unreadable", "A basis set is a .BASIS file, or a folder of .RAW or FSL .json files. Choose one."
        )
    return read_lcmodel_basis(path.read_text(errors="replace"))


def _from_folder(folder: Path) -> Basis:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if sum(path.stat().st_size for path in files) > LARGEST_BASIS_BYTES:
        raise MrsError("basis-too-large", "The basis set is larger than 64 MB. Choose another.")
    jsons = [path for path in files if path.suffix.lower() == ".json"]
    if jsons:
        return read_fsl_json([(path.stem, path.read_text(errors="replace")) for path in jsons])
    raws = [path for path in files if path.suffix.lower() == ".raw"]
    bases = [path for path in files if path.suffix.lower() == ".basis"]
    if raws and bases:
        # .RAW files give neither dwell time nor frequency; the .BASIS beside them does.
        return read_raw_folder(
            [(path.stem, path.read_text(errors="replace")) for path in raws], bases[0].read_text(errors="replace")
        )
    if len(bases) == 1:
        return read_lcmodel_basis(bases[0].read_text(errors="replace"))
    raise MrsError(
        "basis-unreadable",
        "The folder holds no basis set: it needs FSL .json files, or .RAW files with the .BASIS file made from them.",
    )


def simulated_basis(sequence: Sequence) -> Basis:
    """Simulate the sequence's metabolites."""
    components = tuple(
        Component(name, "metabolite", lines=simulate_metabolite(name, sequence)) for name in sequence.names
    )
    return Basis(components, sequence.frequency_mhz, 0.0, "simulated")


def basis_identity(spec: str | Path) -> str:
    """Return what names a basis in the settings' hash: the simulation, or the hash of the file or the files."""
    if str(spec).lower().startswith("sim:"):
        parse_simulation(str(spec))
        return str(spec).lower()
    path = Path(spec)
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if not path.is_dir():
        raise MrsError("basis-missing", "The basis set was not found. Choose another.")
    digest = hashlib.sha256()
    for file in sorted(part for part in path.iterdir() if part.is_file()):
        digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
