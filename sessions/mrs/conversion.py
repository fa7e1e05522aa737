"""From what a scanner writes to a fresh, de-identified NIfTI-MRS. Fails closed.

spec2nii runs as a subprocess in a temporary folder with neutral file names; of what it writes only the numbers and the
allow-listed header (`spectrum.kept_header`) go on. Its own anonymiser keeps institution, sex, weight and times.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.mrs.checks import check_numbers, oriented
from sessions.mrs.errors import MrsError
from sessions.mrs.io import LARGEST_FILE_BYTES, nifti_mrs_bytes, read_nifti_mrs
from sessions.mrs.spectrum import Spectrum

CONVERTER = "import sys; from spec2nii.spec2nii import main; sys.argv[0] = 'spec2nii'; main()"
CONVERSION_SECONDS = 45
LARGEST_VENDOR_BYTES = 256 * 1024**2
SUFFIXES = (".nii.gz", ".nii", ".sdat", ".spar", ".rda", ".ima", ".dcm")


@dataclass(frozen=True)
class Converted:
    """A stored spectrum: what of its header was kept, and the hash of the new file."""

    header: dict[str, Any]
    sha256: str


def convert(path: str | Path, *, out: str | Path, companion: str | Path | None = None) -> Converted:
    """Convert any supported file into a fresh de-identified NIfTI-MRS file.

    Parameters
    ----------
    path
        NIfTI-MRS, Philips SDAT (or SPAR), Siemens rda or IMA, DICOM.
    out
        Where the new file goes (.nii.gz).
    companion
        The SPAR of an SDAT (or the reverse); without, it is looked for beside the file.

    Raises
    ------
    MrsError
        Nothing was written.
    """
    spectrum = read_spectrum(path, companion=companion)
    check_numbers(spectrum)
    spectrum, _ = oriented(spectrum)
    content = nifti_mrs_bytes(spectrum)
    target = Path(out)
    target.write_bytes(content)
    return Converted(read_nifti_mrs(target).header, hashlib.sha256(content).hexdigest())


def read_spectrum(path: str | Path, *, companion: str | Path | None = None) -> Spectrum:
    """Read any supported file. Only its numbers and the allow-listed header are kept in memory."""
    source = Path(path)
    if not source.is_file():
        raise MrsError("file-missing", "The file was not found.")
    if source.stat().st_size == 0:
        raise MrsError("file-empty", "The file is empty.")
    if source.stat().st_size > LARGEST_FILE_BYTES:
        raise MrsError("file-too-large", "The file is larger than 2 GB.")
    kind = _kind(source)
    if kind == "nifti":
        return read_nifti_mrs(source)
    if source.stat().st_size > LARGEST_VENDOR_BYTES:
        raise MrsError("file-too-large", "The file is larger than 256 MB: this is no single-voxel spectrum.")
    with tempfile.TemporaryDirectory() as folder:
        return _through_spec2nii(kind, source, Path(companion) if companion else None, Path(folder))


def _kind(path: Path) -> str:
    """Tell the format by the content first, then by the name."""
    with path.open("rb") as stream:
        head = stream.read(132)
    suffix = path.suffix.lower()
    if suffix in {".sdat", ".spar"}:
        return "philips"
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith(b">>> Begin of header <<<"):
        return "rda"
    if suffix in {".ima", ".dcm"}:
        raise MrsError("file-not-mrs", "The file is named like a DICOM file but is none.")
    if suffix == ".rda":
        raise MrsError("file-not-mrs", "The file is named like an rda file but is none.")
    return "nifti"


def _through_spec2nii(kind: str, source: Path, companion: Path | None, folder: Path) -> Spectrum:
    if kind == "philips":
        data, description = _philips_pair(source, companion)
        inputs = [folder / "input.SDAT", folder / "input.SPAR"]
        shutil.copyfile(data, inputs[0])
        shutil.copyfile(description, inputs[1])
    else:
        inputs = [folder / ("input.rda" if kind == "rda" else "input.dcm")]
        shutil.copyfile(source, inputs[0])
    command = [sys.executable, "-I", "-W", "ignore", "-c", CONVERTER, kind, "-f", "output", "-o", str(folder / "out")]
    environment = {"HOME": str(folder), "PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        finished = subprocess.run(
            [*command, *map(str, inputs)], cwd=folder, env=environment, capture_output=True, timeout=CONVERSION_SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MrsError("conversion-timeout", "Converting the file took too long; it was stopped.") from None
    outputs = sorted((folder / "out").glob("*.nii.gz")) if (folder / "out").is_dir() else []
    if finished.returncode or not outputs:
        # The converter's own words may quote the header: they are not passed on.
        raise MrsError(
            "conversion-failed", f"The {_NAMES[kind]} could not be converted: it is damaged or of an unknown kind."
        )
    if len(outputs) > 1:
        raise MrsError("conversion-ambiguous", f"The {_NAMES[kind]} holds several spectra; send them one by one.")
    return read_nifti_mrs(outputs[0])


_NAMES = {"philips": "SDAT/SPAR pair", "rda": "rda file", "dicom": "DICOM file"}


def _philips_pair(source: Path, companion: Path | None) -> tuple[Path, Path]:
    """Return (SDAT, SPAR), looking beside the file for the missing one."""
    is_data = source.suffix.lower() == ".sdat"
    wanted = ".spar" if is_data else ".sdat"
    if companion is None:
        stem = source.stem.lower()
        beside = [p for p in source.parent.iterdir() if p.suffix.lower() == wanted and p.stem.lower() == stem]
        companion = beside[0] if beside else None
    if companion is None or not companion.is_file():
        missing = "SPAR" if is_data else "SDAT"
        raise MrsError(
            "companion-missing", f"A Philips spectrum is two files: send the {missing} file together with this one."
        )
    data, description = (source, companion) if is_data else (companion, source)
    if "samples" not in description.read_text(errors="replace")[:65536]:
        raise MrsError("companion-invalid", "The SPAR file is not a Philips parameter file.")
    if data.stat().st_size % 8 or data.stat().st_size == 0:
        raise MrsError("file-truncated", "The SDAT file ends too early: it was not copied completely. Send it again.")
    return data, description
