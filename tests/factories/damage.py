"""Real files damaged at random, from a seed: cut, flipped, overwritten, and with one field of the header changed.

Unlike the kinds of `malformed`, nobody knows beforehand what is wrong with one, or whether anything that matters is.
"""

import gzip
import io
import json
import random
import re
import struct
from collections.abc import Callable

import pydicom

# What a field may hold after a bad day: other numbers, no number, another unit, another language's comma.
VALUES = (
    "0", "-1", "1", "2", "3.5", "16", "1e9", "-1e-9", "1e309", "nan", "inf", "1,5", "0x10", "10**9", "many", "", " ",
    "127.74", "63.8", "297200000", "31P", "13C", "1H", "ü", "%s%n", "99999999999999999999", "2048; 1024",
)  # fmt: skip
JSON_VALUES = (
    None, True, -1, 0, 1.5, 1e30, 10**30, "1H", "31P", "DIM_USER_0", "DIM_COIL", [], [[]], {}, [63.8], "x" * 9999,
)  # fmt: skip
FIELDS_OF_NIFTI = {
    "sizeof_hdr": (0, "<i"), "datatype": (12, "<h"), "bitpix": (14, "<h"), "dims": (16, "<q"), "x": (24, "<q"),
    "points": (48, "<q"), "dim 5": (56, "<q"), "dim 6": (64, "<q"), "dwell time": (136, "<d"), "offset": (168, "<q"),
    "slope": (176, "<d"), "intercept": (184, "<d"), "units": (500, "<i"), "extension": (544, "<i"), "code": (548, "<i"),
}  # fmt: skip
NUMBERS = (0, 1, 2, 3, 4, 7, 16, 32, 255, 1024, 2047, 4096, 65536, 2**31 - 1, -1, -1024)
HEADER_BYTES = 2000

Files = dict[str, bytes]


def damaged(files: Files, seed: str) -> tuple[Files, str]:
    """Return the files of one acquisition with one of them damaged, and in which way; always the same from a seed."""
    chance = random.Random(seed)
    name = chance.choice(sorted(files))
    way = chance.choice([*WAYS, *[_field_of(name, files[name])] * 4])
    return files | {name: way(files[name], chance)}, way.__name__.lstrip("_")


def _cut(content: bytes, chance: random.Random) -> bytes:
    end = chance.randrange(len(content)) if chance.random() < 0.6 else chance.randrange(min(len(content), HEADER_BYTES))
    return content[:end]


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    reach = len(content) if chance.random() < 0.5 else min(len(content), HEADER_BYTES)
    for _ in range(chance.choice((1, 1, 4, 16, 64))):
        changed[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwritten(content: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(content)), chance.choice((2, 4, 8, 64, 512))
    return content[:at] + chance.choice((b"\xff", b"\0", b"\x7f", b"A")) * size + content[at + size :]


def _lengthened(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + chance.randbytes(chance.choice((1, 2, 8, 1024))) + content[at:]


def _inside(content: bytes, chance: random.Random) -> bytes:
    """Damage what a gzip stream holds, whose checksum would tell otherwise."""
    way = chance.choice((_cut, _flipped, _overwritten, _lengthened))
    if content[:2] != b"\x1f\x8b":
        return way(content, chance)
    return gzip.compress(way(gzip.decompress(content), chance), 1)


WAYS = (_cut, _flipped, _overwritten, _lengthened, _inside)


def _field_of(name: str, content: bytes) -> Callable[[bytes, random.Random], bytes]:
    if content[128:132] == b"DICM":
        return _field_of_dicom
    if content[:2] == b"\x1f\x8b":
        return _field_of_nifti
    return _field_of_text if name.lower().endswith((".spar", ".rda")) else _flipped


def _field_of_text(content: bytes, chance: random.Random) -> bytes:
    head, mark, rest = content.partition(b">>> End of header")
    lines = head.split(b"\n")
    at = chance.choice([index for index, line in enumerate(lines) if b":" in line])
    key = lines[at].partition(b":")[0]
    lines[at] = key + b": " + chance.choice(VALUES).encode("latin-1") + b"\r"
    return b"\n".join(lines) + mark + rest


def _field_of_nifti(content: bytes, chance: random.Random) -> bytes:
    plain = bytearray(gzip.decompress(content))
    if chance.random() < 0.5:
        at, form = FIELDS_OF_NIFTI[chance.choice(sorted(FIELDS_OF_NIFTI))]
        value = chance.choice((*NUMBERS, 1e-9, 1e300, float("nan"))) if form == "<d" else chance.choice(NUMBERS)
        size = struct.calcsize(form)
        plain[at : at + size] = (
            struct.pack(form, value) if form == "<d" else (int(value) & (1 << 8 * size) - 1).to_bytes(size, "little")
        )
        return gzip.compress(bytes(plain), 1)
    at = plain.index(b"{")
    header, size = json.JSONDecoder().raw_decode(plain[at:].decode("utf-8", "replace"))
    header[chance.choice(sorted(header))] = chance.choice(JSON_VALUES)
    text = json.dumps(header).encode()
    extent = struct.unpack("<q", plain[168:176])[0] - at
    return gzip.compress(bytes(plain[:at]) + text.ljust(extent, b"\0")[:extent] + bytes(plain[at + extent :]), 1)


def _field_of_dicom(content: bytes, chance: random.Random) -> bytes:
    data = pydicom.dcmread(io.BytesIO(content))
    elements = [one for one in data.iterall() if one.VR != "SQ" and not one.tag.is_private_creator]
    element = chance.choice(elements)
    if isinstance(element.value, bytes):
        element._value = _flipped(element.value, chance) if element.value else b"x"
    elif re.fullmatch(r"F[DL]|[SU][SLV]", element.VR):
        element._value = chance.choice((0, 1, 7, 255, 65535))
    else:
        element._value = chance.choice(VALUES)
    found = io.BytesIO()
    try:
        data.save_as(found)
    except Exception:  # what cannot be written is damaged in its bytes instead
        return _flipped(content, chance)
    return found.getvalue()
