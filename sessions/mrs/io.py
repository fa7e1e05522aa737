"""Reading and writing NIfTI-MRS.

Reading believes nothing: sizes are multiplied out and compared with limits before anything is read, a gzip stream is
unpacked no further than the header says, and every refusal is a sentence. Writing starts from an empty header.
"""

import gzip
import io as streams
import json
import math
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.dimensions import arranged
from sessions.mrs.errors import MrsError
from sessions.mrs.nifti_layout import MRS_EXTENSION, TRUNCATED, Layout, mrs_extension, read_layout
from sessions.mrs.spectrum import Spectrum, kept_header

LARGEST_FILE_BYTES = 2 * 1024**3
LARGEST_DATA_BYTES = 512 * 1024**2
LARGEST_HEADER_BYTES = 4 * 1024**2
LARGEST_TRAILER_BYTES = 1024**2
PIECE_BYTES = 1024**2
# Measured signals shrink to no less than half, zero-filled ones to a tenth; only a bomb shrinks to a hundredth.
LARGEST_RATIO, RATIO_COUNTS_FROM_BYTES = 100, 4 * 1024**2
COMPLEX_TYPES = {32: np.complex64, 1792: np.complex128}
REAL_TYPES = (2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280)
SECONDS_PER_UNIT = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}

CORRUPT = MrsError("file-corrupt", "The file is damaged: it cannot be unpacked. Send it again.")
BOMB = MrsError(
    "data-too-large",
    "The file says it holds more than 512 MB of signal: this is no single-voxel spectrum. Send another.",
)


def read_nifti_mrs(path: Path) -> Spectrum:
    """Read one single-voxel NIfTI-MRS file; the direction of frequency is as stored, conjugated to ascending ppm.

    Raises
    ------
    MrsError
        `file-...`, `header-...`, `data-...`: the first thing that is wrong.
    """
    size = file_size(path)
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not packed:
            return _read(raw, None)
        with gzip.GzipFile(fileobj=raw) as stream:
            try:
                return _read(stream, size)
            except EOFError:
                raise TRUNCATED from None
            except (OSError, zlib.error):
                raise CORRUPT from None


def file_size(path: Path, largest: int = LARGEST_FILE_BYTES) -> int:
    """Return a file's size.

    Raises
    ------
    MrsError
        `file-link`, `file-missing`, `file-empty`, `file-too-large`.
    """
    if path.is_symlink():
        raise MrsError("file-link", "This is a link to another file. Send the file itself.")
    if not path.is_file():
        raise MrsError("file-missing", "The file was not found. Choose it again.")
    size = path.stat().st_size
    if size == 0:
        raise MrsError("file-empty", "The file is empty. Export it from the scanner again.")
    if size > largest:
        limit = f"{largest // 1024**3} GB" if largest >= 1024**3 else f"{largest // 1024**2} MB"
        raise MrsError(
            "file-too-large", f"The file is larger than {limit}: this is no single-voxel spectrum. Send another."
        )
    return size


def _read(stream: BinaryIO | gzip.GzipFile, packed_bytes: int | None) -> Spectrum:
    layout = read_layout(stream)
    if layout.datatype in REAL_TYPES:
        raise MrsError(
            "data-not-complex",
            "The file holds real numbers, not a complex signal: export the raw signal, not a magnitude.",
        )
    if layout.datatype not in COMPLEX_TYPES:
        raise MrsError(
            "data-type-unknown",
            "The file's number format is not one that spectra have. Convert the scanner's file again, or send that "
            "file itself.",
        )
    dtype = np.dtype(COMPLEX_TYPES[layout.datatype]).newbyteorder("<" if layout.order == "<" else ">")
    size = math.prod(layout.dims) * dtype.itemsize
    is_bomb = packed_bytes is not None and size > max(RATIO_COUNTS_FROM_BYTES, LARGEST_RATIO * packed_bytes)
    if size > LARGEST_DATA_BYTES or is_bomb:
        raise BOMB
    if not layout.size < layout.offset <= LARGEST_HEADER_BYTES:
        raise MrsError(
            "header-invalid",
            "The file's header is damaged or unreasonably large. Convert the scanner's file again, or send that file "
            "itself.",
        )
    header = mrs_extension(_exactly(stream, layout.offset - layout.size), layout.order)
    if any(extent != 1 for extent in layout.dims[:3]):
        raise MrsError(
            "data-not-single-voxel",
            "The file holds more than one voxel. Only single-voxel spectra are quantified: send those.",
        )
    data = _filled(stream, size).view(dtype).reshape(layout.dims[3:], order="F")
    if len(stream.read(LARGEST_TRAILER_BYTES + 1)) > LARGEST_TRAILER_BYTES:
        raise MrsError(
            "file-trailing-data", "The file holds far more data than its header says. Send the spectrum alone."
        )
    return _spectrum(data, layout, header)


def _spectrum(data: NDArray[Any], layout: Layout, header: dict[str, Any]) -> Spectrum:
    kept = kept_header(header)
    if not kept["SpectrometerFrequency"] or not kept["ResonantNucleus"]:
        raise MrsError(
            "header-incomplete",
            "The file's header gives no valid spectrometer frequency or nucleus. Convert the scanner's file again, or "
            "send that file itself.",
        )
    fids, tags, conditions = arranged(data, header)
    # Signals of many coils stay in single precision, in which they are measured: they fill most of the memory.
    with np.errstate(invalid="ignore"):  # a damaged number is refused later, with a sentence
        fids = fids.astype(np.complex64 if fids.shape[1] > 1 else np.complex128, copy=False)
    np.conj(fids, out=fids)
    if layout.slope != 1.0:
        fids *= layout.slope
    seconds = SECONDS_PER_UNIT.get(layout.units & 0x38, 1.0)
    return Spectrum(
        fids=fids,
        dwell_time_s=float(layout.dwell_time) * seconds,
        frequency_mhz=float(kept["SpectrometerFrequency"][0]),
        nucleus=str(kept["ResonantNucleus"][0]),
        header=kept,
        tags=tags,
        conditions=conditions,
    )


def _filled(stream: BinaryIO | gzip.GzipFile, size: int) -> NDArray[np.uint8]:
    """Return so many bytes in memory of our own, so that no second copy is needed to change them."""
    buffer = np.empty(size, dtype=np.uint8)
    room, done = buffer.data, 0
    while done < size:
        count = stream.readinto(room[done : done + PIECE_BYTES])  # type: ignore[union-attr] # both are buffered readers
        if not count:
            raise TRUNCATED
        done += count
    return buffer


def _exactly(stream: BinaryIO | gzip.GzipFile, count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise TRUNCATED
    return content


def nifti_mrs_bytes(spectrum: Spectrum) -> bytes:
    """Return a fresh gzipped NIfTI-MRS file: the numbers, and the allow-listed header; no name, no time.

    The same spectrum always gives the same bytes.
    """
    header = {key: value for key, value in kept_header(spectrum.header).items() if not key.startswith("dim_")}
    transients, coils, points = spectrum.fids.shape
    names = tuple(dict.fromkeys(spectrum.conditions))
    dims = [1, 1, 1, points]
    for extent, tag in ((coils, "DIM_COIL"), (len(names), "DIM_EDIT"), (transients // max(1, len(names)), "DIM_DYN")):
        if extent > 1:
            dims.append(extent)
            header[f"dim_{len(dims)}"] = tag
            if tag == "DIM_EDIT":
                header[f"dim_{len(dims)}_header"] = {"EditCondition": list(names)}
    order = (2, 1, 0) if coils > 1 else (2, 0, 1)
    data = np.conj(spectrum.fids).transpose(order).astype("<c8")
    text = json.dumps(header, sort_keys=True).encode()
    extent = -(-(len(text) + 8) // 16) * 16
    offset = 544 + extent
    head = bytearray(540)
    struct.pack_into("<i8s", head, 0, 540, b"n+2\0\r\n\x1a\n")
    struct.pack_into("<2h", head, 12, 32, 64)
    struct.pack_into("<8q", head, 16, len(dims), *dims, *([1] * (7 - len(dims))))
    struct.pack_into("<8d", head, 104, 1.0, 10.0, 10.0, 10.0, spectrum.dwell_time_s, 1.0, 1.0, 1.0)
    struct.pack_into("<q", head, 168, offset)
    struct.pack_into("<2d", head, 176, 1.0, 0.0)
    struct.pack_into("<2i", head, 344, 0, 2)
    struct.pack_into("<12d", head, 400, 10.0, 0, 0, 0, 0, 10.0, 0, 0, 0, 0, 10.0, 0)
    struct.pack_into("<i", head, 500, 2 | 8)
    struct.pack_into("<16s", head, 508, b"mrs_v0_9")
    body = b"".join((
        bytes(head), b"\x01\0\0\0", struct.pack("<2i", extent, MRS_EXTENSION), text.ljust(extent - 8, b"\0"),
        data.tobytes("F"),
    ))  # fmt: skip
    packed = streams.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        stream.write(body)
    return packed.getvalue()
