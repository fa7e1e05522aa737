"""From what a scanner writes to a fresh, de-identified NIfTI-MRS. Fails closed.

A file, a pair of files, a folder or a zip archive of one acquisition comes in; numbers and the allow-listed header come
out, in a file that was begun empty.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.mrs.archives import folder_files, unpack
from sessions.mrs.checks import check_numbers
from sessions.mrs.editing import selected
from sessions.mrs.errors import MrsError
from sessions.mrs.io import file_size, nifti_mrs_bytes, read_nifti_mrs
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.text_formats import Known
from sessions.mrs.vendor import LARGEST_VENDOR_BYTES, Acquisition, read_vendor
from sessions.mrs.vendor_kinds import kind_of_file

# Varian's notes, like a BIDS sidecar, may hold names and are not needed.
NOTES = ("text", "log")
PAIRS = {".sdat": ".spar", ".spar": ".sdat"}


@dataclass(frozen=True)
class Converted:
    """A stored spectrum: what of its header was kept, the hash of the new file, and whether it brought its own water.

    Parameters
    ----------
    header, sha256
        Of the spectrum's file.
    conditions
        The edit conditions that it holds.
    water_sha256
        Of the water reference's file; empty where none was in the source or none was asked for.
    """

    header: dict[str, Any]
    sha256: str
    conditions: tuple[str, ...] = ()
    water_sha256: str = ""


def convert(
    path: str | Path,
    *,
    out: str | Path,
    companion: str | Path | None = None,
    known: Known = Known(),  # noqa: B008 - frozen
    water_out: str | Path | None = None,
) -> Converted:
    """Convert any supported file into a fresh de-identified NIfTI-MRS file.

    Parameters
    ----------
    path
        A file that `docs/reference/formats.md` lists, a folder or a zip archive of one acquisition.
    out
        Where the new file goes (.nii.gz). The direction of frequency stays as it is: that of water cannot be told, and
        both must be turned together, which the fit does.
    companion
        The SPAR of an SDAT or the procpar of a fid (or the reverse); without, it is looked for beside the file.
    known
        Frequency and sampling interval of a .RAW that does not tell them.
    water_out
        Where the water reference goes that a GE P-file or a Philips DICOM brings along.

    Raises
    ------
    MrsError
        Nothing was written.
    """
    acquisition = read_acquisition(path, companion=companion, known=known)
    check_numbers(acquisition.spectrum)
    content = nifti_mrs_bytes(acquisition.spectrum)
    water = b""
    if water_out is not None and acquisition.water is not None:
        check_numbers(acquisition.water)
        water = nifti_mrs_bytes(acquisition.water)
        _write(Path(water_out), water)
    target = Path(out)
    _write(target, content)
    return Converted(
        read_nifti_mrs(target).header, hashlib.sha256(content).hexdigest(),
        tuple(dict.fromkeys(acquisition.spectrum.conditions)), hashlib.sha256(water).hexdigest() if water else "",
    )  # fmt: skip


def _write(target: Path, content: bytes) -> None:
    try:
        target.write_bytes(content)
    except OSError:
        raise MrsError("out-invalid", "The new file cannot be written there. Choose another place.") from None


def read_spectrum(
    path: str | Path,
    *,
    companion: str | Path | None = None,
    known: Known = Known(),  # noqa: B008 - frozen
    condition: str | None = None,
) -> Spectrum:
    """Read any supported file as one spectrum; of edited data, one condition (`editing.selected`)."""
    return selected(read_acquisition(path, companion=companion, known=known).spectrum, condition)


def read_acquisition(
    path: str | Path,
    *,
    companion: str | Path | None = None,
    known: Known = Known(),  # noqa: B008 - frozen
) -> Acquisition:
    """Read any supported file whole. Only its numbers and the allow-listed header are kept in memory.

    Raises
    ------
    MrsError
    """
    source = Path(path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if source.is_dir() and not source.is_symlink():
            kind, files = _one_acquisition(folder_files(source))
        else:
            file_size(source)
            kind, files = kind_of_file(source), [source]
            if kind == "zip":
                file_size(source, LARGEST_VENDOR_BYTES)
                (folder / "unpacked").mkdir()
                kind, files = _one_acquisition(unpack(source, folder / "unpacked"))
            elif kind in {"philips", "varian"}:
                files = _pair(source, Path(companion) if companion else _beside(source))
        if kind == "nifti":
            return Acquisition(read_nifti_mrs(files[0]))
        (folder / "work").mkdir()
        return read_vendor(kind, files, folder / "work", known)


def _one_acquisition(files: list[Path]) -> tuple[str, list[Path]]:
    """Return kind and files of what a folder or an archive holds."""
    by_kind: dict[str, list[Path]] = {}
    for path in files:
        file_size(path)
        if path.name not in NOTES and path.suffix.lower() != ".json":
            by_kind.setdefault(kind_of_file(path), []).append(path)
    if "zip" in by_kind:
        raise MrsError("archive-nested", "The zip archive holds another archive. Send the inner one.")
    if len(by_kind) != 1:
        what = "several kinds of files" if by_kind else "no file"
        raise MrsError("archive-ambiguous", f"The folder or archive holds {what}. Send the files of one spectrum.")
    kind, found = by_kind.popitem()
    if kind in {"philips", "varian"}:
        if len(found) > 2:
            raise MrsError("archive-ambiguous", "The folder or archive holds several spectra. Send them one by one.")
        return kind, _pair(found[0], found[1] if len(found) == 2 else None)
    if kind != "dicom" and len(found) > 1:
        raise MrsError("archive-ambiguous", "The folder or archive holds several spectra. Send them one by one.")
    return kind, found


def _beside(source: Path) -> Path | None:
    """Return the other file of a pair where it lies beside the one."""
    if source.name in {"fid", "procpar"}:
        other = source.with_name("procpar" if source.name == "fid" else "fid")
        return other if other.is_file() else None
    wanted, stem = PAIRS[source.suffix.lower()], source.stem.lower()
    beside = [one for one in source.parent.iterdir() if one.suffix.lower() == wanted and one.stem.lower() == stem]
    return beside[0] if beside else None


def _pair(source: Path, other: Path | None) -> list[Path]:
    """Return (data, description)."""
    is_varian = source.name in {"fid", "procpar"}
    is_data = source.name == "fid" or source.suffix.lower() == ".sdat"
    data, description = ("fid", "procpar") if is_varian else ("SDAT", "SPAR")
    if other is None:
        missing = description if is_data else data
        maker = "Varian" if is_varian else "Philips"
        raise MrsError(
            "companion-missing",
            f"A {maker} spectrum is two files: send the {missing} file together with this one.",
        )
    file_size(other)
    return [source, other] if is_data else [other, source]
