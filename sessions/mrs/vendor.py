"""A scanner's or another program's file, read through spec2nii in a child process; fails closed.

spec2nii runs in a temporary folder with neutral file names and, where a format's header is text, on a header that was
written anew. Of what it writes only the numbers and the allow-listed header (`spectrum.kept_header`) go on; of what it
says nothing. Its own anonymiser keeps institution, sex, weight and times.
"""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sessions.mrs.errors import MrsError
from sessions.mrs.io import file_size, read_nifti_mrs
from sessions.mrs.spec2nii_child import NOT_A_SPECTRUM, NOT_DICOM, UNKNOWN_MAKER
from sessions.mrs.spectrum import Spectrum, kept_header
from sessions.mrs.text_formats import Known, check_rda, read_raw, reduced_jmrui, reduced_spar, varian_times
from sessions.mrs.vendor_kinds import NAMES

CHILD = Path(__file__).with_name("spec2nii_child.py")
CONVERSION_SECONDS = 45
LARGEST_VENDOR_BYTES = 256 * 1024**2
LARGEST_TEXT_BYTES = 32 * 1024**2
WATER_WORDS = ("ref", "rf_off", "rfoff", "ecc", "quant", "ovs_off", "water")
FID_HEADER_BYTES = 32


@dataclass(frozen=True)
class Acquisition:
    """What a scanner's file holds: the spectrum, and the water reference where the file brings one."""

    spectrum: Spectrum
    water: Spectrum | None = None


def read_vendor(kind: str, files: list[Path], folder: Path, known: Known) -> Acquisition:
    """Read the files of one acquisition.

    Parameters
    ----------
    kind
        One of `vendor_kinds.NAMES`.
    files
        Its one file, its pair, or the DICOM files of a series.
    folder
        An empty one to work in.
    known
        What the file need not tell.

    Raises
    ------
    MrsError
    """
    if sum(file_size(path, LARGEST_VENDOR_BYTES) for path in files) > LARGEST_VENDOR_BYTES:
        raise MrsError(
            "file-too-large", "The files are larger than 256 MB: this is no single-voxel spectrum. Send another."
        )
    if kind == "raw":
        return Acquisition(_raw(files[0], known))
    PREPARE[kind](files, folder)
    acquisition = _converted(kind, folder)
    if kind == "varian":
        times = varian_times((folder / "input.fid" / "procpar").read_text("latin-1"))
        header = {key: value for key, value in acquisition.spectrum.header.items() if key not in TIMES}
        header = kept_header(header | times)
        return Acquisition(dataclasses.replace(acquisition.spectrum, header=header))
    return acquisition


TIMES = ("EchoTime", "RepetitionTime", "InversionTime", "MixingTime")


def _raw(path: Path, known: Known) -> Spectrum:
    fid, header = read_raw(_text(path), known)
    kept = kept_header(header)
    if not kept["SpectrometerFrequency"]:
        raise MrsError("header-frequency", "The .RAW file's frequency is not one of a scanner. Send another file.")
    return Spectrum(fid[None, None], header["dwell_time_s"], header["SpectrometerFrequency"][0], "1H", kept)


def _text(path: Path) -> str:
    file_size(path, LARGEST_TEXT_BYTES)
    content = path.read_bytes()
    if b"\0" in content:
        raise MrsError("file-corrupt", "The file should be text and is not. Export it again.")
    return content.decode("latin-1").replace("\r\n", "\n")


def _philips(files: list[Path], folder: Path) -> None:
    data, description = files
    if b"\0" in description.read_bytes() or _looks_like_spar(data):
        raise MrsError(
            "companion-swapped",
            "The SDAT and the SPAR file are swapped: rename them as the scanner did, and send both.",
        )
    (folder / "input.SPAR").write_text(reduced_spar(_text(description), data.stat().st_size))
    shutil.copyfile(data, folder / "input.SDAT")


def _looks_like_spar(path: Path) -> bool:
    with path.open("rb") as stream:
        return b"samples" in stream.read(65536)


def _rda(files: list[Path], folder: Path) -> None:
    check_rda(files[0].read_bytes())
    shutil.copyfile(files[0], folder / "input.rda")


def _dicom(files: list[Path], folder: Path) -> None:
    (folder / "input").mkdir()
    for index, path in enumerate(files):
        shutil.copyfile(path, folder / "input" / f"{index:04d}.dcm")


def _twix(files: list[Path], folder: Path) -> None:
    shutil.copyfile(files[0], folder / "input.dat")


def _ge(files: list[Path], folder: Path) -> None:
    shutil.copyfile(files[0], folder / "input.7")


def _jmrui(files: list[Path], folder: Path) -> None:
    (folder / "input.txt").write_text(reduced_jmrui(_text(files[0])))


def _varian(files: list[Path], folder: Path) -> None:
    data, description = files
    target = folder / "input.fid"
    target.mkdir()
    content = data.read_bytes()
    if len(content) < FID_HEADER_BYTES:
        raise MrsError("file-truncated", "The fid file ends too early: it was not copied completely. Send it again.")
    blocks, _, _, _, _, block_bytes = np.frombuffer(content[:24], ">i4")
    if not 0 < blocks <= 65536 or block_bytes <= 0:
        raise MrsError("file-corrupt", "The fid file's header is damaged. Send it again.")
    if len(content) < FID_HEADER_BYTES + int(blocks) * int(block_bytes):
        raise MrsError("file-truncated", "The fid file ends too early: it was not copied completely. Send it again.")
    (target / "fid").write_bytes(content)
    (target / "procpar").write_text(_text(description), "latin-1")


PREPARE: dict[str, Callable[[list[Path], Path], None]] = {
    "philips": _philips, "rda": _rda, "dicom": _dicom, "twix": _twix, "ge": _ge, "jmrui": _jmrui, "varian": _varian,
}  # fmt: skip


def _converted(kind: str, folder: Path) -> Acquisition:
    """Run spec2nii over the prepared inputs."""
    command = [sys.executable, "-I", "-W", "ignore", str(CHILD), kind, str(folder)]
    environment = {"HOME": str(folder), "PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        finished = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=CONVERSION_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise MrsError(
            "conversion-timeout",
            "Converting the file took too long; it was stopped. Send it again, or another export of it.",
        ) from None
    if finished.returncode in REASONS:
        raise REASONS[finished.returncode]
    found = {path.name.removesuffix(".nii.gz"): path for path in sorted((folder / "out").glob("*.nii.gz"))}
    if finished.returncode or not found:
        # The converter's own words may quote the header: they are not passed on.
        raise MrsError(
            "conversion-failed",
            f"The {NAMES[kind]} could not be converted: it is damaged or of an unknown kind. Export it again; if that "
            "does not help, send the spectrum in another form, such as DICOM or NIfTI-MRS.",
        )
    water = next((path for name, path in found.items() if _is_water(name)), None)
    if "output" not in found or any(name != "output" and not _is_water(name) for name in found):
        raise MrsError("conversion-ambiguous", f"The {NAMES[kind]} holds several spectra; send them one by one.")
    return Acquisition(read_nifti_mrs(found["output"]), read_nifti_mrs(water) if water else None)


def _is_water(name: str) -> bool:
    return any(word in name for word in WATER_WORDS)


REASONS = {
    NOT_A_SPECTRUM: MrsError(
        "file-not-mrs", "This DICOM file is an image, not a spectrum. Send the spectroscopy series."
    ),
    UNKNOWN_MAKER: MrsError(
        "file-not-mrs",
        "This DICOM file is not from Siemens, Philips or United Imaging, whose spectra can be read. Send the "
        "spectrum in another form, such as NIfTI-MRS.",
    ),
    NOT_DICOM: MrsError(
        "file-corrupt",
        "The DICOM file is damaged or was not copied completely. Send it again, or export it from the scanner again.",
    ),
}
