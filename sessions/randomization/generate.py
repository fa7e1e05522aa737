"""One entry point: a seed and a design in, a list with numbers, nonces and a commitment out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sessions.randomization.commitment import leaf, merkle_root
from sessions.randomization.generators import Generator, substream
from sessions.randomization.methods import Method, block_sizes_of, ratio_of, tolerance_of
from sessions.randomization.schemes import big_stick, permuted_blocks, simple
from sessions.randomization.streams import ByteStream

SEED_BYTES = 32
NONCE_BYTES = 32


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
    generator: Generator = Generator.HMAC_DRBG,
    taken_numbers: Collection[str] = (),
) -> GeneratedList:
    """Generate a list.

    Parameters
    ----------
    method
        Permuted blocks (`parameters["block_sizes"]`), big stick (`parameters["tolerance"]`) or simple; blocks and
        simple take unequal shares (`parameters["ratio"]`).
    sequences
        Codes of the sequences, each equally likely unless there is a ratio.
    strata
        Keys of the strata; each has a substream of its own.
    slots_per_stratum
        Length of the list in every stratum.
    seed
        32 bytes from the operating system.
    taken_numbers
        Randomization numbers of the study's earlier lists, which must not be given again.

    Raises
    ------
    ValueError
        The design is impossible; the message says why.
    """
    if not method.is_drawn_from_seed:
        msg = f"the method {method.value.replace('_', ' ')} makes no list from a seed"
        raise ValueError(msg)
    if len(sequences) < 2 or not strata or slots_per_stratum < 1:
        raise ValueError("a list needs two sequences or more, a stratum, and a slot in each")
    if len(set(strata)) != len(strata):
        raise ValueError("a stratum is named twice")
    _check_seed(seed)
    drawn = {
        stratum: _draw(stratum_stream(seed, stratum, generator), method, parameters, sequences, slots_per_stratum)
        for stratum in strata
    }
    return commit_codes(drawn, seed=seed, generator=generator, taken_numbers=taken_numbers)


def commit_codes(
    codes: Mapping[str, Sequence[str]],
    *,
    seed: bytes,
    generator: Generator = Generator.HMAC_DRBG,
    taken_numbers: Collection[str] = (),
    numbers: Mapping[str, Sequence[str]] | None = None,
) -> GeneratedList:
    """Give every place of a list its number and nonce, and commit to the whole.

    Parameters
    ----------
    codes
        Sequence codes by stratum, in the order in which they are allocated: drawn, or uploaded.
    numbers
        Numbers by stratum where the uploaded list has its own; drawn from the seed otherwise.

    Raises
    ------
    ValueError
        The seed has not 32 bytes, or there is no slot.
    """
    _check_seed(seed)
    total = sum(len(own) for own in codes.values())
    drawn = iter(()) if numbers else _numbers(substream(generator, seed, "numbers"), total, taken_numbers)
    nonces = substream(generator, seed, "nonces")
    slots = [
        Slot(
            stratum, ordinal, numbers[stratum][ordinal - 1] if numbers else next(drawn), code,
            nonces.generate(NONCE_BYTES),
        )
        for stratum, own in codes.items()
        for ordinal, code in enumerate(own, start=1)
    ]  # fmt: skip
    return GeneratedList(tuple(slots), merkle_root([slot.leaf for slot in slots]))


def stratum_stream(seed: bytes, stratum: str, generator: Generator = Generator.HMAC_DRBG) -> ByteStream:
    """Return the substream that a stratum's codes are drawn from."""
    return substream(generator, seed, f"stratum:{stratum}")


def _check_seed(seed: bytes) -> None:
    if len(seed) != SEED_BYTES:
        msg = f"the seed must have {SEED_BYTES} bytes"
        raise ValueError(msg)


def _draw(
    stream: ByteStream, method: Method, parameters: Mapping[str, object], sequences: Sequence[str], length: int
) -> list[str]:
    ratio = ratio_of(parameters)
    if method is Method.PERMUTED_BLOCKS:
        return permuted_blocks(stream, sequences, length, block_sizes_of(parameters), ratio)
    if method is Method.SIMPLE:
        return simple(stream, sequences, length, ratio)
    if len(set(ratio)) > 1:
        raise ValueError("big stick draws in equal shares only; use permuted blocks for an unequal ratio")
    return big_stick(stream, sequences, length, tolerance_of(parameters))


def _numbers(stream: ByteStream, count: int, taken: Collection[str]) -> Iterator[str]:
    """Yield randomization numbers R-dddd: all distinct, drawn without order over all strata."""
    digits = max(4, len(str((count + len(taken)) * 4)))
    used = set(taken)
    pool = [number for number in range(10 ** (digits - 1), 10**digits) if f"R-{number}" not in used]
    return iter([f"R-{number}" for number in stream.draw(pool, count)])
