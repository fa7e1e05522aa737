"""From the dimensions of a NIfTI-MRS file, in whatever order its header names them, to transients, coils and points.

Tags: NIfTI-MRS standard 0.9, section 3 (Clarke et al. 2022, Magn Reson Med 88:2358-2370). Coils, dynamics,
measurements, phase cycles and edit conditions are taken; what has to be combined in a way of its own before it can be
averaged is refused.
"""

import re
import string
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import CONDITIONS, DIMENSION_TAGS, TRANSIENT_TAGS

FIRST_TAGGED = 5
MOST_CONDITIONS = 8
WORD = re.compile(r"(?:EDIT)?[ _-]*(ON|OFF|[A-H])")


def arranged(data: NDArray[Any], header: dict[str, Any]) -> tuple[NDArray[Any], tuple[str, ...], tuple[str, ...]]:
    """Arrange a signal.

    Parameters
    ----------
    data
        Points first, then the dimensions 5 to 7 as stored.
    header
        As found in the file, not yet reduced.

    Returns
    -------
    fids, tags, conditions
        (transients, coils, points) in the order of measurement with edit conditions innermost; the tags of dimensions 5
        to 7; the condition of each transient, or nothing.
    """
    tags = tuple(
        _tag(header.get(f"dim_{position}"), extent) for position, extent in enumerate(data.shape[1:], FIRST_TAGGED)
    )
    repeated = {tag for tag in tags if tags.count(tag) > 1 and tag != "DIM_MEAS"}
    if repeated:
        raise MrsError(
            "header-dimensions",
            "The file's header gives two dimensions the same meaning. Convert the scanner's file again, or send that "
            "file itself.",
        )
    slow_first = sorted(
        (axis for axis, tag in enumerate(tags, 1) if tag != "DIM_COIL"),
        key=lambda axis: (TRANSIENT_TAGS.index(tags[axis - 1]), -axis),
    )
    coil = [tags.index("DIM_COIL") + 1] if "DIM_COIL" in tags else []
    turned = np.transpose(data, [*slow_first, *coil, 0])
    coils = turned.shape[len(slow_first)] if coil else 1
    fids = turned.reshape(-1, coils, data.shape[0])
    return fids, tags, _conditions(tags, data.shape[1:], header, len(fids))


def _tag(tag: object, extent: int) -> str:
    """Return what a dimension is; one of a single entry has no say."""
    if tag in DIMENSION_TAGS:
        return str(tag)
    if extent == 1:
        return "DIM_MEAS"
    for start, sentence in REFUSED.items():
        if isinstance(tag, str) and tag.startswith(start):
            raise MrsError("dimension-unsupported", sentence)
    raise MrsError(
        "dimension-unsupported",
        "The file has a dimension and does not say what it is. Name it when converting, or send the scanner's own "
        "file.",
    )


REFUSED = {
    "DIM_USER": "The file has a dimension of the user's own, whose meaning is not known. Send the parts one by one.",
    "DIM_INDIRECT": "The file holds a series in which the sequence changes, such as several echo times. Its parts "
    "cannot be averaged: send one of them.",
    "DIM_ISIS": "The file holds ISIS scans that are not yet added and subtracted. Combine them first, then send them.",
    "DIM_METCYCLE": "The file holds metabolite-cycled scans that are not yet subtracted. Subtract them first, then "
    "send them.",
}


def _conditions(tags: tuple[str, ...], extents: tuple[int, ...], header: dict[str, Any], count: int) -> tuple[str, ...]:
    """Return the condition of each transient: the innermost of the order of measurement."""
    if "DIM_EDIT" not in tags:
        return ()
    axis = tags.index("DIM_EDIT")
    extent = extents[axis]
    if extent == 1:
        return ()
    if extent > MOST_CONDITIONS:
        raise MrsError(
            "dimension-unsupported", "The file holds more than eight edit conditions. Send the parts one by one."
        )
    names = _names(header.get(f"dim_{axis + FIRST_TAGGED}_header"), extent)
    return names * (count // extent)


def _names(said: object, extent: int) -> tuple[str, ...]:
    """Return known words for the conditions, or letters: the words of a file may be anything."""
    found = said.get("EditCondition") if isinstance(said, dict) else None
    if isinstance(found, list) and len(found) == extent and all(isinstance(one, str) for one in found):
        words = [WORD.fullmatch(one.strip().upper()) for one in found]
        names = [word[1] for word in words if word]
        if len(set(names)) == extent:
            assert set(names) <= set(CONDITIONS)
            return tuple(names)
    return tuple(string.ascii_uppercase[:extent])
