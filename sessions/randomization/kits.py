"""Kit numbers: drawn over all treatments at once, so that neither order nor range says what a kit holds.

A number is `K-ddddd-c`: random digits and a check digit after Damm 2004, which finds every single wrong digit and every
exchange of neighbouring digits when somebody types it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sessions.randomization.generators import Generator, substream

FEWEST_DIGITS = 5
SPARSE = 10
"""Times as many numbers as kits are drawn from, so that a guessed number is rarely one."""

# The weakly totally anti-symmetric quasigroup of order 10 of Damm 2004 (Total anti-symmetrische Quasigruppen, Marburg).
DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


@dataclass(frozen=True, slots=True)
class Kit:
    """A kit and what it holds."""

    number: str
    treatment: str


def check_digit(digits: str) -> int:
    """Return the digit that makes `digits` valid when it is put behind them.

    Raises
    ------
    ValueError
        There is something else than digits.
    """
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("a check digit is made of digits only")
    interim = 0
    for digit in digits:
        interim = DAMM[interim][int(digit)]
    return interim


def is_kit_number(text: str) -> bool:
    """Whether a text has the form of a kit number and its check digit is right."""
    parts = text.split("-")
    if len(parts) != 3 or parts[0] != "K" or len(parts[1]) < FEWEST_DIGITS or len(parts[2]) != 1:
        return False
    digits = parts[1] + parts[2]
    return digits.isascii() and digits.isdigit() and check_digit(digits) == 0


def draw_kits(
    contents: Mapping[str, int],
    *,
    seed: bytes,
    shipment: str,
    generator: Generator = Generator.HMAC_DRBG,
    taken_numbers: Collection[str] = (),
) -> list[Kit]:
    """Draw numbers for a shipment's kits: one random permutation over all treatments.

    Parameters
    ----------
    contents
        How many kits hold each treatment.
    shipment
        Names the substream, so that a later shipment of the same seed gets other numbers.
    taken_numbers
        Numbers of kits that exist already.

    Returns
    -------
    list of Kit
        In the order of their numbers.

    Raises
    ------
    ValueError
        There is no kit, or a count is negative.
    """
    counts = list(contents.values())
    total = sum(counts)
    if total < 1 or min(counts) < 0:
        raise ValueError("a shipment needs a kit, and no count below zero")
    digits = max(FEWEST_DIGITS, len(str((total + len(taken_numbers)) * SPARSE)))
    # The set of numbers is drawn first and sorted; only then are the contents dealt onto it. So the numbers cannot
    # depend on the contents, whatever the counts are.
    stream = substream(generator, seed, f"kits:{shipment}")
    used = set(taken_numbers)
    drawn: set[str] = set()
    while len(drawn) < total:
        body = str(stream.below(10**digits)).zfill(digits)
        number = f"K-{body}-{check_digit(body)}"
        if number not in used:
            drawn.add(number)
    dealt = [treatment for treatment, count in contents.items() for _ in range(count)]
    stream.shuffle(dealt)
    return [Kit(number, treatment) for number, treatment in zip(sorted(drawn), dealt, strict=True)]
