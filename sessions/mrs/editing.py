"""Spectral editing: one condition of an edited acquisition, or the difference of two.

The engine quantifies one condition: usually the one with the editing pulse off, which is a plain spectrum of its echo
time. The difference can be taken and stored; it holds no creatine, so that no ratio to it is computed.
"""

from dataclasses import replace

import numpy as np

from sessions.mrs.alignment import align
from sessions.mrs.checks import oriented
from sessions.mrs.coils import combine
from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import Spectrum, selected_condition

DIFFERENCE = "DIFF"
FEWEST_TO_ALIGN = 2


def selected(spectrum: Spectrum, condition: str | None = None) -> Spectrum:
    """Return one condition of edited data; plain data as they are.

    Parameters
    ----------
    spectrum
        Plain or edited.
    condition
        Its name, or `DIFF` for on minus off; without, `OFF` where there is one.

    Raises
    ------
    MrsError
        `edit-condition`: the data have several conditions, and it is not known which is meant.
    """
    names = tuple(dict.fromkeys(spectrum.conditions))
    if not names:
        if condition is None:
            return spectrum
        raise MrsError("edit-condition", "An edit condition was asked for, but this spectrum is not an edited one.")
    wanted = (condition or "OFF").upper()
    if wanted == DIFFERENCE and len(names) == 2:
        return _difference(spectrum, *_on_and_off(names))
    if wanted not in names:
        raise MrsError(
            "edit-condition",
            f"The file holds an edited acquisition with the conditions {', '.join(names)}. Say which one is to be "
            "quantified.",
        )
    return replace(
        spectrum,
        fids=spectrum.fids[np.array(spectrum.conditions) == wanted],
        header=spectrum.header | {"SelectedEditCondition": selected_condition(wanted)},
        conditions=(),
    )


def _on_and_off(names: tuple[str, ...]) -> tuple[str, str]:
    return ("ON", "OFF") if set(names) == {"ON", "OFF"} else (names[0], names[1])


def _difference(spectrum: Spectrum, first: str, second: str) -> Spectrum:
    """Return the mean of one condition less that of the other, coils combined, transients aligned within each."""
    spectrum, _ = oriented(spectrum)
    combined = combine(spectrum, None).fids
    means = []
    for name in (first, second):
        fids = combined[np.array(spectrum.conditions) == name]
        if len(fids) >= FEWEST_TO_ALIGN:
            fids, _, _ = align(fids, spectrum.dwell_time_s, spectrum.frequency_mhz)
        means.append(fids.mean(axis=0))
    return replace(
        spectrum,
        fids=np.asarray(means[0] - means[1])[None, None],
        header=spectrum.header | {"SelectedEditCondition": selected_condition(DIFFERENCE)},
        conditions=(),
    )
