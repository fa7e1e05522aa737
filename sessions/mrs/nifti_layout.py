"""What the first bytes of a NIfTI-1 or NIfTI-2 file say, believed as little as possible.

Layouts: the NIfTI-1 and NIfTI-2 standards; MRS in them: Clarke et al. (2022), Magn Reson Med 88:2358-2370.
"""

import gzip
import json
import math
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from sessions.mrs.errors import MrsError

NIFTI_1, NIFTI_2 = 348, 540
MRS_EXTENSION = 44
LARGEST_DIMENSIONS = 7

TRUNCATED = MrsError("file-truncated", "The file ends too early: it was not copied completely. Send it again.")
DAMAGED = MrsError(
    "header-invalid", "The file's header is damaged. Convert the scanner's file again, or send that file itself."
)


@dataclass(frozen=True)
class Layout:
    """What a NIfTI header says.

    Parameters
    ----------
    order
        Byte order, `<` or `>`.
    size
        Of the header in bytes: 348 or 540.
    dims
        Extents, four to seven.
    datatype
        The standard's code.
    dwell_time
        `pixdim[4]`, in `units`.
    offset
        Where the data begin.
    units
        `xyzt_units`.
    slope
        What the data are multiplied by; 1 where the header gives none.
    """

    order: str
    size: int
    dims: tuple[int, ...]
    datatype: int
    dwell_time: float
    offset: int
    units: int
    slope: float


def read_layout(stream: BinaryIO | gzip.GzipFile) -> Layout:
    """Read a header; the stream then stands behind it.

    Raises
    ------
    MrsError
        `file-...`, `header-...`.
    """
    head = stream.read(NIFTI_1)
    for order in ("<", ">"):
        size = struct.unpack(order + "i", head[:4])[0] if len(head) >= 4 else 0
        if size in {NIFTI_1, NIFTI_2}:
            break
    else:
        raise MrsError(
            "file-not-mrs",
            "This is not a spectrum that we can read. Send NIfTI-MRS (.nii, .nii.gz) or the scanner's own file "
            "(SDAT with SPAR, rda, IMA, DICOM, twix, P-file).",
        )
    head += stream.read(size - NIFTI_1)
    if len(head) < size:
        raise TRUNCATED
    layout, magic, intent = _nifti_1(head, order) if size == NIFTI_1 else _nifti_2(head, order)
    if magic not in {b"n+1", b"n+2"}:
        raise DAMAGED
    if not intent.startswith(b"mrs_v"):
        raise MrsError(
            "file-not-mrs",
            "This is a NIfTI file, but not a spectrum: it does not name the MRS standard. Send the spectrum itself.",
        )
    return layout


def _nifti_1(head: bytes, order: str) -> tuple[Layout, bytes, bytes]:
    dims = struct.unpack(order + "8h", head[40:56])
    pixdim = struct.unpack(order + "8f", head[76:108])
    offset, slope, inter = struct.unpack(order + "3f", head[108:120])
    if not math.isfinite(offset):
        raise DAMAGED
    layout = Layout(
        order, NIFTI_1, _extents(dims), struct.unpack(order + "h", head[70:72])[0], pixdim[4], int(offset), head[123],
        _slope(slope, inter),
    )  # fmt: skip
    return layout, head[344:347], head[328:344]


def _nifti_2(head: bytes, order: str) -> tuple[Layout, bytes, bytes]:
    dims = struct.unpack(order + "8q", head[16:80])
    pixdim = struct.unpack(order + "8d", head[104:168])
    slope, inter = struct.unpack(order + "2d", head[176:192])
    layout = Layout(
        order, NIFTI_2, _extents(dims), struct.unpack(order + "h", head[12:14])[0], pixdim[4],
        struct.unpack(order + "q", head[168:176])[0], struct.unpack(order + "i", head[500:504])[0],
        _slope(slope, inter),
    )  # fmt: skip
    return layout, head[4:7], head[508:524]


def _extents(dims: tuple[int, ...]) -> tuple[int, ...]:
    if not 4 <= dims[0] <= LARGEST_DIMENSIONS or any(extent < 1 for extent in dims[1 : dims[0] + 1]):
        raise MrsError(
            "header-dimensions",
            "The file's header gives an impossible size. Convert the scanner's file again, or send that file itself.",
        )
    return dims[1 : dims[0] + 1]


def _slope(slope: float, inter: float) -> float:
    if math.isfinite(slope) and math.isfinite(inter) and slope and inter:
        raise MrsError(
            "header-invalid",
            "The header asks for an offset on the signal: this is no raw spectrum. Send the signal as the scanner "
            "wrote it.",
        )
    return slope if math.isfinite(slope) and slope else 1.0


def mrs_extension(block: bytes, order: str) -> dict[str, Any]:
    """Return the MRS header among the extensions; all others are passed over.

    Raises
    ------
    MrsError
        `header-missing`, `header-invalid`.
    """
    if len(block) < 4 or block[0] == 0:
        raise MrsError(
            "header-missing",
            "The file has no MRS header, so that frequency and nucleus are unknown. Convert the scanner's file again, "
            "or send that file itself.",
        )
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
    raise MrsError(
        "header-invalid",
        "The file's MRS header cannot be read. Convert the scanner's file again, or send that file itself.",
    )
