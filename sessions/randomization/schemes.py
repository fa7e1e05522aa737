"""Restricted randomization of sequences within one stratum."""

from collections import Counter
from collections.abc import Sequence

from sessions.randomization.streams import ByteStream


def simple(stream: ByteStream, codes: Sequence[str], length: int, ratio: Sequence[int] = ()) -> list[str]:
    """Return `length` codes, each an independent draw: nothing to guess, and no balance promised.

    Raises
    ------
    ValueError
        The ratio is not one positive whole number for each code.
    """
    lots = [code for code, share in zip(codes, shares(codes, ratio), strict=True) for _ in range(share)]
    return [lots[stream.below(len(lots))] for _ in range(length)]


def permuted_blocks(
    stream: ByteStream, codes: Sequence[str], length: int, block_sizes: Sequence[int], ratio: Sequence[int] = ()
) -> list[str]:
    """Return `length` codes in permuted blocks; each block's size is drawn from `block_sizes`.

    Source: Matts and Lachin 1988, Control Clin Trials 9:327.

    Raises
    ------
    ValueError
        No block size is given, or one is not a multiple of the sum of the ratio (of the number of codes).
    """
    return [code for block in draw_blocks(stream, codes, length, block_sizes, ratio) for code in block][:length]


def draw_blocks(
    stream: ByteStream, codes: Sequence[str], length: int, block_sizes: Sequence[int], ratio: Sequence[int] = ()
) -> list[list[str]]:
    """Return the whole blocks behind `permuted_blocks`; the last may reach beyond `length`.

    Raises
    ------
    ValueError
        As for `permuted_blocks`.
    """
    parts = shares(codes, ratio)
    check_block_sizes(block_sizes, parts)
    blocks: list[list[str]] = []
    drawn = 0
    while drawn < length:
        size = block_sizes[stream.below(len(block_sizes))]
        block = [code for code, share in zip(codes, parts, strict=True) for _ in range(share)]
        block *= size // sum(parts)
        stream.shuffle(block)
        blocks.append(block)
        drawn += size
    return blocks


def big_stick(stream: ByteStream, codes: Sequence[str], length: int, tolerance: int) -> list[str]:
    """Return `length` codes by fair draws whose imbalance never passes the maximal tolerated imbalance.

    A draw is made among the codes that are less than `tolerance` ahead of the rarest. With two codes this is the big
    stick design of Soares and Wu 1983, Commun Stat Theory Methods 12:2017. In small trials it gives a guesser less
    than blocks do. Equal shares only: a stick for unequal ones does not keep the ratio at every slot (Kuznetsova and
    Tymofyeyev 2012, Stat Med 31:701).

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
        code = open_codes[stream.below(len(open_codes))]
        counts[code] += 1
        drawn.append(code)
    return drawn


def shares(codes: Sequence[str], ratio: Sequence[int]) -> tuple[int, ...]:
    """Return the share of each code; equal ones when there is no ratio.

    Raises
    ------
    ValueError
        The ratio is not one positive whole number for each code.
    """
    if not ratio:
        return (1,) * len(codes)
    if len(ratio) != len(codes) or any(share < 1 for share in ratio):
        msg = f"the ratio needs {len(codes)} positive whole numbers, one for each sequence"
        raise ValueError(msg)
    return tuple(ratio)


def check_block_sizes(block_sizes: Sequence[int], parts: Sequence[int]) -> None:
    """Refuse block sizes that cannot hold the codes in their shares.

    Raises
    ------
    ValueError
        No size is given, or one is not a multiple of the sum of the shares.
    """
    whole = sum(parts)
    if not block_sizes or any(size < 1 or size % whole for size in block_sizes):
        is_equal = whole == len(parts)
        reason = "the number of sequences" if is_equal else f"the sum of the ratio {':'.join(map(str, parts))}"
        msg = f"every block size must be a multiple of {whole}, {reason}"
        raise ValueError(msg)
