"""Which scanner's or program's file this is: by its content first, then by its name."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

from sessions.mrs.errors import MrsError

HEAD_BYTES = 4096
P_FILE = re.compile(r"^p\d+(?:\.\w+)?\.7$|\.7$", re.IGNORECASE)
NAMES = {
    "philips": "SDAT/SPAR pair",
    "rda": "rda file",
    "dicom": "DICOM file",
    "twix": "twix file",
    "ge": "P-file",
    "jmrui": "jMRUI file",
    "raw": ".RAW file",
    "varian": "Varian fid",
}
FORBIDDEN = (
    (b"\x80[\x02-\x05]", "a Python pickle"),
    (rb"MATLAB 5\.0 MAT-file|\x89HDF\r\n\x1a\n", "a MATLAB or HDF5 object"),
    (rb"\s*\$LCMODL", "an LCModel control file"),
    (rb"#!|\s*(?:import|from) \w+", "a program"),
)
FORBIDDEN_SUFFIXES = {
    ".py": "a program", ".pkl": "a Python pickle", ".pickle": "a Python pickle", ".mat": "a MATLAB object",
    ".m": "a program", ".control": "an LCModel control file", ".npy": "a Python object", ".npz": "a Python object",
}  # fmt: skip
LARGEST_TWIX_HEADER = 64 * 1024**2


def kind_of_file(path: Path) -> str:
    """Return `nifti`, `zip` or one of `NAMES`.

    Raises
    ------
    MrsError
        `file-forbidden`, `file-not-mrs`.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    suffix = path.suffix.lower()
    _refuse_forbidden(head, suffix)
    for kind, is_one in CONTENTS.items():
        if is_one(head):
            return kind
    if path.name in {"fid", "procpar"}:
        return "varian"
    if suffix in BY_SUFFIX:
        kind = BY_SUFFIX[suffix]
        if kind in CONTENTS:
            raise MrsError(
                "file-not-mrs",
                f"By its name this should be the {NAMES[kind]} of a spectrum, but it is none. Export it from the "
                "scanner again.",
            )
        return kind
    if P_FILE.search(path.name):
        return "ge"
    return "nifti"


def _refuse_forbidden(head: bytes, suffix: str) -> None:
    what = FORBIDDEN_SUFFIXES.get(suffix) or next((what for form, what in FORBIDDEN if re.match(form, head)), None)
    if what is not None:
        raise MrsError(
            "file-forbidden",
            f"This is {what}, which is never opened. Send the spectrum itself, as the scanner wrote it.",
        )


def _is_twix(head: bytes) -> bool:
    """Tell a measurement file: VB begins with its header's length, VD and later with zero and a count."""
    if len(head) < 16:
        return False
    first, second = struct.unpack("<2I", head[:8])
    if first == 0:
        return 0 < second <= 64 and len(head) >= 512
    return 1000 < first < LARGEST_TWIX_HEADER and b"Config" in head[:64]


CONTENTS: dict[str, Callable[[bytes], bool]] = {
    "zip": lambda head: head.startswith((b"PK\x03\x04", b"PK\x05\x06")),
    "dicom": lambda head: head[128:132] == b"DICM",
    "rda": lambda head: head.startswith(b">>> Begin of header <<<"),
    "jmrui": lambda head: b"jMRUI Data Textfile" in head[:200],
    "twix": _is_twix,
    "raw": lambda head: re.match(rb"\s*\$(?:SEQPAR|NMID)\b", head) is not None,
}
BY_SUFFIX = {
    ".sdat": "philips", ".spar": "philips", ".ima": "dicom", ".dcm": "dicom", ".rda": "rda", ".dat": "twix",
    ".raw": "raw", ".h2o": "raw",
}  # fmt: skip
