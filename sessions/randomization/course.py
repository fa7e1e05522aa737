"""The course of a minimization: each newcomer's slot, drawn from the seed and from who came before.

Number and nonce come from the seed as well, so that the whole course can be derived again and nobody chose a number.
"""

from collections.abc import Collection, Sequence

from sessions.randomization.generate import NONCE_BYTES, Slot
from sessions.randomization.generators import Generator, substream
from sessions.randomization.minimization import Levels, MinimizationScheme, replay

COURSE = "all"
"""The one stratum of a course: minimization balances over everybody."""


def next_slot(
    scheme: MinimizationScheme,
    seed: bytes,
    previous: Sequence[Levels],
    newcomer: Levels,
    *,
    taken_numbers: Collection[str],
    generator: Generator = Generator.HMAC_DRBG,
) -> Slot:
    """Draw the slot of the next newcomer.

    Parameters
    ----------
    previous
        Levels of everybody who was drawn for before, in that order.
    taken_numbers
        All randomization numbers that the study has, also those of this course.

    Raises
    ------
    ValueError
        Somebody lacks a factor or has a level that the scheme does not know.
    """
    ordinal = len(previous) + 1
    return Slot(
        stratum=COURSE,
        ordinal=ordinal,
        number=number_of(seed, ordinal, taken_numbers, generator),
        sequence=replay(scheme, seed, [*previous, newcomer], generator)[-1].sequence,
        nonce=substream(generator, seed, f"nonces:{ordinal}").generate(NONCE_BYTES),
    )


def number_of(seed: bytes, ordinal: int, taken: Collection[str], generator: Generator = Generator.HMAC_DRBG) -> str:
    """Return the randomization number of a place: R- and at least four digits, drawn until it is a new one."""
    digits = max(4, len(str((len(taken) + 1) * 4)))
    stream, lowest = substream(generator, seed, f"numbers:{ordinal}"), 10 ** (digits - 1)
    while True:
        number = f"R-{lowest + stream.below(9 * lowest)}"
        if number not in taken:
            return number
