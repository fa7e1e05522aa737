"""Which files may be announced: format, companion, size. Pure rules; what is inside is judged in the sandbox."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from studyportal.errors import InvalidInput

SUFFIXES = (
    ".nii.gz", ".nii", ".sdat", ".spar", ".rda", ".ima", ".dcm", ".dat", ".7", ".raw", ".h2o", ".txt", ".zip",
)  # fmt: skip
COMPANIONS = {".sdat": ".spar"}
# Scanners export DICOM files under a number, or under no suffix at all; the content tells whether it is one.
NUMBERED = re.compile(r"^[^.]+$|\.\d+$")
ACCEPTED = (
    "NIfTI-MRS (.nii, .nii.gz), Siemens .dat, .rda, .IMA or .dcm, GE P-file (.7), Philips .SDAT with .SPAR or .dcm, "
    "jMRUI .txt, LCModel .RAW, or a .zip of one of them"
)
EMPTY = "The file is empty. Export it from the scanner again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A file as the browser announces it."""

    filename: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeFile:
    """A file that is wholly here, with its companions by name."""

    kind: str
    filename: str
    content: bytes
    companions: tuple[tuple[str, bytes], ...] = ()


def announced(filename: str, content: bytes) -> Announced:
    """Describe a file that is wholly here."""
    return Announced(filename=filename, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def suffix_of(file: Announced) -> str:
    """Return the suffix by which a file is kept: all that stays of its name.

    Raises:
        InvalidInput: no known format ends so.
    """
    name = file.filename.lower()
    suffix = next((one for one in SUFFIXES if name.endswith(one)), ".dcm" if NUMBERED.search(name) else None)
    if suffix is None:
        msg = f"This kind of file is not supported. Choose {ACCEPTED}."
        raise InvalidInput(msg, fields={"file": msg}, code="unknown_format")
    return suffix


def refuse_wrong_companions(suffix: str, companions: Iterable[Announced]) -> None:
    """Refuse half of a pair, and files that do not belong together.

    Raises:
        InvalidInput: with the file that is missing.
    """
    needed = COMPANIONS.get(suffix)
    given = [suffix_of(one) for one in companions]
    if suffix in COMPANIONS.values():
        main = next(one for one, other in COMPANIONS.items() if other == suffix)
        msg = f"A {suffix.upper()} file only describes a spectrum. Choose the {main.upper()} file together with it."
    elif given == ([needed] if needed else []):
        return
    elif needed:
        msg = f"Choose the {needed.upper()} file together with the {suffix.upper()} file: neither is readable alone."
    else:
        msg = "Choose one spectrum at a time (a .SDAT file together with its .SPAR file)."
    raise InvalidInput(msg, fields={"file": msg}, code="companion_missing" if needed else "companion_wrong")


def too_large() -> str:
    """Return what is said of a file beyond the limit, here and by the page before it sends anything."""
    limit = settings.PORTAL_UPLOAD_LIMIT_BYTES / 1024**2
    return f"The file is larger than {limit:,.0f} MB, the largest that is taken. Choose the spectrum alone."


def refuse_size(file: Announced) -> None:
    """Refuse what is empty, too large or announced without a checksum.

    Raises:
        InvalidInput: with the limit.
    """
    if file.size_bytes < 1:
        raise InvalidInput(EMPTY, fields={"file": EMPTY}, code="empty_file")
    if file.size_bytes > settings.PORTAL_UPLOAD_LIMIT_BYTES:
        raise InvalidInput(too_large(), fields={"file": too_large()}, code="too_large")
    if len(file.sha256) != 64 or set(file.sha256) - set("0123456789abcdef"):
        raise InvalidInput("The checksum is not a SHA-256.", code="bad_checksum")
