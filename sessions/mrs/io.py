"""Reading and writing NIfTI-MRS: the only module of this package that touches data files.

Reading believes nothing: sizes are multiplied out and compared with limits before anything is read, a gzip stream is
unpacked no further than the header says, and every refusal is a sentence. Writing starts from an empty header.
"""

import gzip
import io as streams
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import DIMENSION_TAGS, Spectrum, kept_header

LARGEST_FILE_BYTES = 2 * 1024**3
LARGEST_DATA_BYTES = 512 * 1024**2
LARGEST_HEADER_BYTES = 4 * 1024**2
LARGEST_TRAILER_BYTES = 1024**2
COMPLEX_TYPES = {32: np.complex64, 1792: np.complex128}
REAL_TYPES = (2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280)
SECONDS_PER_UNIT = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}
MRS_EXTENSION = 44

TRUNCATED = MrsError("file-truncated", "The file ends too early: it was not copied completely. Send it again.")
CORRUPT = MrsError("file-corrupt", "The file is damaged: it cannot be unpacked. Send it again.")


@dataclass(frozen=True)
class _Layout:
    """What a NIfTI header says."""

    order: str
    size: int
    dims: tuple[int, ...]
    datatype: int
    dwell_time: float
    offset: int
    units: int


def read_nifti_mrs(path: Path) -> Spectrum:
    """Read one single-voxel NIfTI-MRS file; the direction of frequency is as stored, conjugated to ascending ppm.

    Raises
    ------
    MrsError
        `file-...`, `header-...`, `data-...`: the first thing that is wrong.
    """
    if not path.is_file():
        raise MrsError("file-missing", "The file was not found.")
    size = path.stat().st_size
    if size == 0:
        raise MrsError("file-empty", "The file is empty.")
    if size > LARGEST_FILE_BYTES:
        raise MrsError("file-too-large", "The file is larger than 2 GB.")
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not packed:
            return _read(raw)
        with gzip.GzipFile(fileobj=raw) as stream:
            try:
                return _read(stream)
            except EOFError:
                raise TRUNCATED from None
            except (OSError, zlib.error):
                raise CORRUPT from None


def _read(stream: BinaryIO | gzip.GzipFile) -> Spectrum:
    layout = _layout(stream)
    if layout.datatype in REAL_TYPES:
        raise MrsError(
            "data-not-complex",
            "The file holds real numbers, not a complex signal: export the raw signal, not a magnitude.",
        )
    if layout.datatype not in COMPLEX_TYPES:
        raise MrsError("data-type-unknown", "The file's number format is not one that spectra have.")
    dtype = np.dtype(COMPLEX_TYPES[layout.datatype]).newbyteorder("<" if layout.order == "<" else ">")
    count = 1
    for extent in layout.dims:
        if extent < 1:
            raise MrsError("header-dimensions", "The file's header gives an impossible size.")
        count *= extent
    if count * dtype.itemsize > LARGEST_DATA_BYTES:
        raise MrsError(
            "data-too-large", "The file says it holds more than 512 MB of signal: this is no single-voxel spectrum."
        )
    if not layout.size < layout.offset <= LARGEST_HEADER_BYTES:
        raise MrsError("header-invalid", "The file's header is damaged or unreasonably large.")
    header = _extension(_exactly(stream, layout.offset - layout.size), layout.order)
    data = np.frombuffer(_exactly(stream, count * dtype.itemsize), dtype).reshape(layout.dims, order="F")
    if len(stream.read(LARGEST_TRAILER_BYTES + 1)) > LARGEST_TRAILER_BYTES:
        raise MrsError("file-trailing-data", "The file holds far more data than its header says.")
    return _spectrum(data, layout, header)


def _layout(stream: BinaryIO | gzip.GzipFile) -> _Layout:
    head = stream.read(540)
    for order in ("<", ">"):
        if len(head) >= 4 and struct.unpack(order + "i", head[:4])[0] in (540, 348):
            break
    else:
        raise MrsError(
            "file-not-mrs", "This is not a spectrum that we can read (NIfTI-MRS, SDAT/SPAR, rda, IMA or DICOM)."
        )
    if struct.unpack(order + "i", head[:4])[0] == 348:
        # NIfTI-1 carries no complex MRS by the standard's own definition of the intent, which needs NIfTI-2.
        raise MrsError("file-not-mrs", "This is a NIfTI-1 file; spectra come as NIfTI-MRS, which is NIfTI-2.")
    if len(head) < 540:
        raise TRUNCATED
    if not head[4:7] == b"n+2":
        raise MrsError("header-invalid", "The file's header is damaged.")
    datatype = struct.unpack(order + "h", head[12:14])[0]
    dims = struct.unpack(order + "8q", head[16:80])
    pixdim = struct.unpack(order + "8d", head[104:168])
    offset = struct.unpack(order + "q", head[168:176])[0]
    units = struct.unpack(order + "i", head[500:504])[0]
    intent = head[508:524]
    if not intent.startswith(b"mrs_v"):
        raise MrsError("file-not-mrs", "This is a NIfTI file, but not a spectrum: it does not name the MRS standard.")
    if not 4 <= dims[0] <= 7:
        raise MrsError("header-dimensions", "The file's header gives an impossible number of dimensions.")
    return _Layout(order, 540, tuple(dims[1 : dims[0] + 1]), datatype, pixdim[4], offset, units)


def _extension(block: bytes, order: str) -> dict[str, Any]:
    """Return the JSON header extension."""
    if len(block) < 4 or block[0] == 0:
        raise MrsError("header-missing", "The file has no MRS header: frequency and nucleus are unknown.")
    position = 4
    while position + 8 <= len(block):
        size, code = struct.unpack(order + "2i", block[position : position + 8])
        if size < 16 or position + size > len(block):
            break
        if code == MRS_EXTENSION:
            try:
                header = json.loads(block[position + 8 : position + size].rstrip(b"\0 ").decode("utf-8"))
            except (ValueError, RecursionError):
                break
            if isinstance(header, dict):
                return header
            break
        position += size
    raise MrsError("header-invalid", "The file's MRS header cannot be read.")


def _spectrum(data: NDArray[Any], layout: _Layout, header: dict[str, Any]) -> Spectrum:
    if any(extent != 1 for extent in layout.dims[:3]):
        raise MrsError(
            "data-not-single-voxel", "The file holds more than one voxel; only single-voxel spectra are quantified."
        )
    tags = []
    for position, extent in enumerate(layout.dims[4:], start=5):
        tag = header.get(f"dim_{position}")
        if tag not in DIMENSION_TAGS and extent > 1:
            raise MrsError(
                "dimension-unsupported",
                "The file holds edited or indirect dimensions; only plain spectra are quantified.",
            )
        tags.append(tag if tag in DIMENSION_TAGS else "DIM_MEAS")
    kept = kept_header(header)
    if not kept["SpectrometerFrequency"] or not kept["ResonantNucleus"]:
        raise MrsError("header-incomplete", "The file's header gives no valid spectrometer frequency or nucleus.")
    array = data.reshape(layout.dims[3:])
    coil = [axis + 1 for axis, tag in enumerate(tags) if tag == "DIM_COIL"]
    if len(coil) > 1:
        raise MrsError("header-dimensions", "The file's header names two coil dimensions.")
    others = [axis + 1 for axis, tag in enumerate(tags) if tag != "DIM_COIL"]
    # Slow dimensions first: measurements, dynamics; then coils; then time.
    array = np.transpose(array, [*reversed(others), *coil, 0])
    coils = array.shape[len(others)] if coil else 1
    fids = array.reshape(-1, coils, layout.dims[3])
    seconds = SECONDS_PER_UNIT.get(layout.units & 0x38, 1.0)
    return Spectrum(
        fids=np.conj(fids.astype(np.complex128)),
        dwell_time_s=float(layout.dwell_time) * seconds,
        frequency_mhz=float(kept["SpectrometerFrequency"][0]),
        nucleus=str(kept["ResonantNucleus"][0]),
        header=kept,
        tags=tuple(tags),
    )


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
    dims = [1, 1, 1, points]
    if coils > 1:
        dims.append(coils)
        header[f"dim_{len(dims)}"] = "DIM_COIL"
    if transients > 1:
        dims.append(transients)
        header[f"dim_{len(dims)}"] = "DIM_DYN"
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
