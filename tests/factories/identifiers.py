"""Every string in a file that could tell who was measured, where, when and by whom: collected, not listed by hand."""

import base64
import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pydicom

SHORTEST = 4
BINARY_HEADER_BYTES = {".dat": 16384, ".7": 213684}
TEXT_KINDS = {"AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
# What a stored header may say; a source says some of it too, and it tells nobody.
VOCABULARY = (
    "Siemens", "Philips", "Varian", "SIEMENS", "PRESS", "STEAM", "press", "steam", "unknown", "true", "false",
    "DIM_COIL", "DIM_DYN", "DIM_EDIT",
)  # fmt: skip
IDENTIFYING_KEY = re.compile(
    r"name|id$|date|time$|birth|sex|serial|institution|station|operator|comment|descr", re.IGNORECASE
)


def identifiers(files: list[Path]) -> set[str]:
    """Return the identifying strings of the files of one acquisition, and of their names."""
    found: set[str] = set()
    for path in files:
        content = path.read_bytes()
        found |= set(_of(path, content)) | {path.name, path.stem}
    return {one for one in found if len(one) >= SHORTEST and one not in VOCABULARY and not one.isspace()}


def _of(path: Path, content: bytes) -> Iterator[str]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            yield from packed.namelist()
    elif content[128:132] == b"DICM":
        yield from _of_dicom(pydicom.dcmread(path))
    elif content[:2] == b"\x1f\x8b" or content[4:7] == b"n+2":
        yield from _of_nifti(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    elif b"\0" not in content[:400] or path.suffix.lower() == ".rda":
        yield from _of_text(content.decode("latin-1"))
    else:
        # Binary headers: quoted texts, and whatever is printable.
        text = content[: BINARY_HEADER_BYTES.get(path.suffix, 0)].decode("latin-1")
        yield from re.findall(r'"([^"\n]{4,60})"', text)
        yield from (one.strip() for one in re.findall(r"[ -~]{6,60}", text))


def _of_dicom(data: pydicom.Dataset) -> Iterator[str]:
    for element in data.iterall():
        if element.VR in TEXT_KINDS:
            values = element.value if element.VM > 1 else [element.value]
            yield from (str(value).strip() for value in values or [])
        elif isinstance(element.value, bytes) and b"Name" in element.value:
            # Siemens's own blocks hold the protocol as text.
            yield from re.findall(r'"([^"\n]{6,60})"', element.value.decode("latin-1"))


def _of_nifti(plain: bytes) -> Iterator[str]:
    for start, size in ((176 + 64, 80), (320, 24)):
        yield plain[start : start + size].split(b"\0")[0].decode("latin-1").strip()
    at = plain.index(b"{")
    header, _ = json.JSONDecoder().raw_decode(plain[at : at + 10**6].decode("utf-8", "replace"))
    yield from _strings(header)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def _of_text(text: str) -> Iterator[str]:
    """Header lines `key: value` and `key = value`, comments, and a procpar's quoted texts."""
    for line in text.split(">>> End of header", maxsplit=1)[0].splitlines():
        key, _, value = re.sub(r"\s*=\s*", ": ", line, count=1).partition(":")
        value = value.strip().strip("\"'")
        if IDENTIFYING_KEY.search(key.strip()) or (value and not re.fullmatch(r"[-+.\dEe ,]*", value)):
            yield value
            yield from re.findall(r"'([^']+)'", line)
        yield from re.findall(r'"([^"]+)"', line)


def forms(word: str) -> Iterator[bytes]:
    """Return the forms in which a word may hide."""
    plain = word.encode()
    for one in {word, word.upper(), word.lower(), word[::-1]}:
        yield one.encode()
    yield word.encode("utf-16-le")
    yield word.encode("utf-16-be")
    yield plain.hex().encode()
    for shift in range(3):
        # What of a base64 text does not depend on its neighbours.
        text = base64.b64encode(b"x" * shift + plain)
        yield text[4 if shift else 0 : len(text) - 4] if len(text) > 12 else text[: len(text) - 4] or plain
