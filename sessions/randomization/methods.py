"""The methods of randomization, and what their settings must be."""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class Method(StrEnum):
    """How codes come about within a stratum."""

    PERMUTED_BLOCKS = "permuted_blocks"
    BIG_STICK = "big_stick"
    SIMPLE = "simple"
    UPLOADED_LIST = "uploaded_list"
    MINIMIZATION = "minimization"

    @property
    def is_drawn_from_seed(self) -> bool:
        """Whether the seed alone gives the list. An uploaded list comes from outside; minimization makes none."""
        return self not in {Method.UPLOADED_LIST, Method.MINIMIZATION}


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


def tolerance_of(parameters: Mapping[str, object]) -> int:
    """Return the maximal tolerated imbalance of big stick, 3 where none is named.

    Raises
    ------
    ValueError
        It is no whole number.
    """
    tolerance = parameters.get("tolerance", 3)
    if not isinstance(tolerance, int):
        raise ValueError("the maximal tolerated imbalance must be a whole number")  # noqa: TRY004 - a value of the form
    return tolerance


def ratio_of(parameters: Mapping[str, object]) -> list[int]:
    """Return the shares of the sequences in their order; none for equal shares.

    Raises
    ------
    ValueError
        They are no list of whole numbers.
    """
    ratio = parameters.get("ratio", ())
    if isinstance(ratio, str) or not isinstance(ratio, Sequence) or not all(isinstance(share, int) for share in ratio):
        raise ValueError("the ratio must be a list of whole numbers, such as 2, 1")
    return list(ratio)
