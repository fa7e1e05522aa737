"""Spectral editing: one condition of an edited acquisition, or the difference of two.

The engine quantifies one condition: usually the one with the editing pulse off, which is a plain spectrum of its echo
time. The difference can be taken and stored; it holds no creatine, so that no ratio to it is computed.
"""

from dataclasses import replace

import numpy as np

from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import Spectrum, selected_condition

DIFFERENCE = "DIFF"


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
        # Aligning needs the engine, which reading a file does not.
        from sessions.mrs.difference import difference  # noqa: PLC0415 - see above

        return replace(
            difference(spectrum, *_on_and_off(names)),
            header=spectrum.header | {"SelectedEditCondition": selected_condition(DIFFERENCE)},
            conditions=(),
        )
    if wanted not in names:
        raise MrsError(
            "edit-condition",
            f"The file holds an edited acquisition with the conditions {', '.join(names)}, and it is not known which "
            "of them to quantify. Send the one with the editing pulse off, or name it OFF in the file.",
        )
    return replace(
        spectrum,
        fids=spectrum.fids[np.array(spectrum.conditions) == wanted],
        header=spectrum.header | {"SelectedEditCondition": selected_condition(wanted)},
        conditions=(),
    )


def _on_and_off(names: tuple[str, ...]) -> tuple[str, str]:
    return ("ON", "OFF") if set(names) == {"ON", "OFF"} else (names[0], names[1])
