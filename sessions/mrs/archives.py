"""Several files that are one acquisition: a zip archive, or a folder. Nothing in it is believed.

Taken are a Philips SDAT with its SPAR, a Varian fid with its procpar, the DICOM files of one series, or one file of any
other kind. Names of an archive are not used: links, absolute names and steps upward are refused all the same, since a
file that holds them was not made by a scanner.
"""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from sessions.mrs.errors import MrsError

MOST_FILES = 4096
LARGEST_UNPACKED_BYTES = 256 * 1024**2
LARGEST_RATIO, RATIO_COUNTS_FROM_BYTES = 100, 1024**2
PIECE_BYTES = 1024**2
IGNORED = ("__MACOSX", ".DS_Store", "Thumbs.db")
NESTED = (".zip", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz")
# Files whose own name is their meaning keep it.
MEANING = ("fid", "procpar", "text", "log")
ENCRYPTED = 0x1

DAMAGED = MrsError("archive-damaged", "The zip archive is damaged or was not copied completely. Send it again.")
BOMB = MrsError("archive-too-large", "The zip archive unpacks to more than a spectrum can be. Send the spectrum alone.")


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack an archive into an empty folder under neutral names; return the files.

    Raises
    ------
    MrsError
        `archive-...`.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [one for one in packed.infolist() if not one.is_dir()]
            for one in members:
                _check_member(one)
            wanted = [one for one in members if not _is_ignored(one.filename)]
            if len(wanted) > MOST_FILES or sum(one.file_size for one in wanted) > LARGEST_UNPACKED_BYTES:
                raise BOMB
            return [_extract(packed, one, folder, index) for index, one in enumerate(wanted)]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError):
        raise DAMAGED from None


def _check_member(one: zipfile.ZipInfo) -> None:
    # The name as it stands in the archive: zipfile itself cuts it at a NUL and turns backslashes.
    name = one.orig_filename
    parts = (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)
    if ".." in parts or name.startswith(("/", "\\")) or PureWindowsPath(name).drive or "\0" in name:
        raise MrsError(
            "archive-unsafe",
            "The zip archive holds a file that would be unpacked somewhere else. Pack the spectrum's files anew.",
        )
    if stat.S_ISLNK(one.external_attr >> 16):
        raise MrsError("archive-unsafe", "The zip archive holds a link. Pack the spectrum's own files.")
    if one.flag_bits & ENCRYPTED:
        raise MrsError("archive-encrypted", "The zip archive has a password. Send the spectrum without one.")
    if name.lower().endswith(NESTED):
        raise MrsError("archive-nested", "The zip archive holds another archive. Send the inner one.")
    if one.file_size > max(RATIO_COUNTS_FROM_BYTES, LARGEST_RATIO * one.compress_size):
        raise BOMB


def _is_ignored(name: str) -> bool:
    return any(part in IGNORED or part.startswith("._") for part in PurePosixPath(name).parts)


def _extract(packed: zipfile.ZipFile, one: zipfile.ZipInfo, folder: Path, index: int) -> Path:
    name = PurePosixPath(one.filename)
    suffix = "".join(name.suffixes[-2:]).lower() if name.name.lower().endswith(".nii.gz") else name.suffix.lower()
    target = folder / (name.name if name.name in MEANING else f"{index:04d}{suffix[:8]}")
    with packed.open(one) as source, target.open("xb") as sink:
        written = 0
        # The size that the archive claims is not believed either.
        while piece := source.read(PIECE_BYTES):
            written += len(piece)
            if written > one.file_size:
                raise BOMB
            sink.write(piece)
    return target


def folder_files(folder: Path) -> list[Path]:
    """Return the files of a folder, without those that systems leave there.

    Raises
    ------
    MrsError
        `file-link`, `archive-too-large`.
    """
    found = [path for path in sorted(folder.iterdir()) if not _is_ignored(path.name)]
    if any(path.is_symlink() for path in found):
        raise MrsError("file-link", "The folder holds a link to another file. Send the files themselves.")
    files = [path for path in found if path.is_file()]
    if len(files) > MOST_FILES or sum(path.stat().st_size for path in files) > LARGEST_UNPACKED_BYTES:
        raise BOMB
    return files
