"""The difference of two conditions of edited data."""

from dataclasses import replace

import numpy as np

from sessions.mrs.alignment import align
from sessions.mrs.coils import combine
from sessions.mrs.singlets import oriented
from sessions.mrs.spectrum import Spectrum

FEWEST_TO_ALIGN = 2


def difference(spectrum: Spectrum, first: str, second: str) -> Spectrum:
    """Return the mean of one condition less that of the other, coils combined, transients aligned within each.

    Parameters
    ----------
    spectrum
        Edited data whose `conditions` hold both.
    first, second
        The condition that is subtracted from, and the one that is subtracted.
    """
    spectrum, _ = oriented(spectrum)
    combined = combine(spectrum, None).fids
    means = []
    for name in (first, second):
        fids = combined[np.array(spectrum.conditions) == name]
        if len(fids) >= FEWEST_TO_ALIGN:
            fids, _, _ = align(fids, spectrum.dwell_time_s, spectrum.frequency_mhz)
        means.append(fids.mean(axis=0))
    return replace(spectrum, fids=np.asarray(means[0] - means[1])[None, None])
