"""Restricted randomization of sequences within one stratum."""

from collections import Counter
from collections.abc import Sequence

from sessions.randomization.drbg import HmacDrbg


def permuted_blocks(drbg: HmacDrbg, codes: Sequence[str], length: int, block_sizes: Sequence[int]) -> list[str]:
    """Return `length` codes in permuted blocks; each block's size is drawn from `block_sizes`.

    Source: Matts and Lachin 1988, Control Clin Trials 9:327.

    Raises
    ------
    ValueError
        No block size is given, or one is not a multiple of the number of codes.
    """
    return [code for block in draw_blocks(drbg, codes, length, block_sizes) for code in block][:length]


def draw_blocks(drbg: HmacDrbg, codes: Sequence[str], length: int, block_sizes: Sequence[int]) -> list[list[str]]:
    """Return the whole blocks behind `permuted_blocks`; the last may reach beyond `length`.

    Raises
    ------
    ValueError
        As for `permuted_blocks`.
    """
    if not block_sizes or any(size < 1 or size % len(codes) for size in block_sizes):
        msg = f"every block size must be a multiple of {len(codes)}, the number of sequences"
        raise ValueError(msg)
    blocks: list[list[str]] = []
    drawn = 0
    while drawn < length:
        size = block_sizes[drbg.below(len(block_sizes))]
        block = list(codes) * (size // len(codes))
        drbg.shuffle(block)
        blocks.append(block)
        drawn += size
    return blocks


def big_stick(drbg: HmacDrbg, codes: Sequence[str], length: int, tolerance: int) -> list[str]:
    """Return `length` codes by fair draws whose imbalance never passes the maximal tolerated imbalance.

    A draw is made among the codes that are less than `tolerance` ahead of the rarest. With two codes this is the big
    stick design of Soares and Wu 1983, Commun Stat Theory Methods 12:2017. In small trials it gives a guesser less
    than blocks do.

    Raises
    ------
    ValueError
        The tolerance is not positive.
    """
    if tolerance < 1:
        raise ValueError("the maximal tolerated imbalance must be at least 1")
    counts = Counter(dict.fromkeys(codes, 0))
    drawn = []
    for _ in range(length):
        rarest = min(counts.values())
        open_codes = [code for code in codes if counts[code] - rarest < tolerance]
        code = open_codes[drbg.below(len(open_codes))]
        counts[code] += 1
        drawn.append(code)
    return drawn
