"""One entry point: a seed and a design in, a list with numbers, nonces and a commitment out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sessions.randomization.commitment import leaf, merkle_root
from sessions.randomization.drbg import HmacDrbg
from sessions.randomization.schemes import big_stick, permuted_blocks

SEED_BYTES = 32
NONCE_BYTES = 32


class Method(StrEnum):
    """How codes are drawn within a stratum."""

    PERMUTED_BLOCKS = "permuted_blocks"
    BIG_STICK = "big_stick"


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of the list."""

    stratum: str
    ordinal: int
    number: str
    sequence: str
    nonce: bytes

    @property
    def leaf(self) -> bytes:
        """The slot's hash in the commitment."""
        return leaf(self.stratum, self.ordinal, self.number, self.sequence, self.nonce)


@dataclass(frozen=True, slots=True)
class GeneratedList:
    """The slots in stratum and ordinal order, and the Merkle root over them."""

    slots: tuple[Slot, ...]
    root: bytes


def generate_list(
    *,
    method: Method,
    parameters: Mapping[str, object],
    sequences: Sequence[str],
    strata: Sequence[str],
    slots_per_stratum: int,
    seed: bytes,
) -> GeneratedList:
    """Generate a list.

    Parameters
    ----------
    method
        Permuted blocks (`parameters["block_sizes"]`) or big stick (`parameters["tolerance"]`).
    sequences
        Codes of the sequences, each equally likely.
    strata
        Keys of the strata; each has a substream of its own.
    slots_per_stratum
        Length of the list in every stratum.
    seed
        32 bytes from the operating system.

    Raises
    ------
    ValueError
        The design is impossible; the message says why.
    """
    if len(seed) != SEED_BYTES:
        msg = f"the seed must have {SEED_BYTES} bytes"
        raise ValueError(msg)
    if len(sequences) < 2 or not strata or slots_per_stratum < 1:
        raise ValueError("a list needs two sequences or more, a stratum, and a slot in each")
    if len(set(strata)) != len(strata):
        raise ValueError("a stratum is named twice")
    numbers = _numbers(HmacDrbg(seed, personalization=b"numbers"), len(strata) * slots_per_stratum)
    nonces = HmacDrbg(seed, personalization=b"nonces")
    slots = []
    for stratum in strata:
        codes = _draw(stratum_stream(seed, stratum), method, parameters, sequences, slots_per_stratum)
        slots += [
            Slot(stratum, ordinal, next(numbers), code, nonces.generate(NONCE_BYTES))
            for ordinal, code in enumerate(codes, start=1)
        ]
    return GeneratedList(tuple(slots), merkle_root([slot.leaf for slot in slots]))


def stratum_stream(seed: bytes, stratum: str) -> HmacDrbg:
    """Return the substream that a stratum's codes are drawn from."""
    return HmacDrbg(seed, personalization=f"stratum:{stratum}".encode())


def block_sizes_of(parameters: Mapping[str, object]) -> list[int]:
    """Return the block sizes that the parameters name.

    Raises
    ------
    ValueError
        There are none.
    """
    sizes = parameters.get("block_sizes")
    if not isinstance(sizes, Sequence):
        raise ValueError("permuted blocks need a list of block sizes")  # noqa: TRY004 - a value of the form
    return [int(size) for size in sizes]


def _draw(
    drbg: HmacDrbg, method: Method, parameters: Mapping[str, object], sequences: Sequence[str], length: int
) -> list[str]:
    if method is Method.PERMUTED_BLOCKS:
        return permuted_blocks(drbg, sequences, length, block_sizes_of(parameters))
    tolerance = parameters.get("tolerance", 3)
    if not isinstance(tolerance, int):
        raise ValueError("the maximal tolerated imbalance must be a whole number")  # noqa: TRY004 - a value of the form
    return big_stick(drbg, sequences, length, tolerance)


def _numbers(drbg: HmacDrbg, count: int) -> Iterator[str]:
    """Yield randomization numbers R-dddd: all distinct, drawn without order over all strata."""
    digits = max(4, len(str(count * 4)))
    pool = list(range(10 ** (digits - 1), 10**digits))
    return iter([f"R-{number}" for number in drbg.draw(pool, count)])
