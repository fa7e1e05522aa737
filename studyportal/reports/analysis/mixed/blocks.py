"""Cross-products of the levels of random intercepts, cut into the blocks that share no rows.

Participants who share no level of any grouping factor are independent: their levels make one small block each, and all
blocks of a size are worked on at once. Factors that would join many blocks (sites that participants move between, items
that everybody answers) are kept out of the blocks as a dense border, whichever split costs least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.frame import Codes, Group
from studyportal.reports.analysis.mixed.table import Array

MOST_WORK = 1e10
"""Multiplications of one step beyond which a fit would take minutes."""
MOST_CELLS = 6e7
"""Numbers of the border's columns beyond which they would not fit into an ordinary worker's memory."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The blocks of one size.

    Attributes
    ----------
    levels
        Z'Z of every block, shape (blocks, size, size).
    others
        Z'[border, X, y], shape (blocks, size, width).
    factor
        Which factor each level belongs to, shape (blocks, size).
    """

    levels: Array
    others: Array
    factor: Codes


@dataclass(frozen=True, slots=True)
class CrossProducts:
    """All that a model needs of its data: nothing has as many rows as the table.

    Attributes
    ----------
    inner, border
        Places of the factors in the blocks, and of those in the border with their columns.
    others
        [border, X, y]'[border, X, y].
    fixed
        Number of columns of X.
    """

    rows: int
    fixed: int
    factors: int
    inner: tuple[int, ...]
    border: dict[int, slice]
    stacks: tuple[Stack, ...]
    others: Array


def cross_products(groups: Sequence[Group], fixed: Array, outcome: Array) -> CrossProducts:
    """Return the cross-products of a model.

    Parameters
    ----------
    groups
        The random intercepts.
    fixed
        Columns X, shape (rows, columns).
    outcome
        y, shape (rows,).

    Raises
    ------
    ModelError
        The factors cross with so many levels that a fit would take minutes or too much memory.
    """
    inner = _cheapest_split(groups)
    border: dict[int, slice] = {}
    indicators, width = [], 0
    for place, group in enumerate(groups):
        if place not in inner:
            border[place] = slice(width, width + group.levels)
            width += group.levels
            indicators.append(np.eye(group.levels)[group.codes])
    others = np.column_stack([*indicators, fixed, outcome])
    stacks = _stacks([groups[place] for place in inner], inner, others) if inner else ()
    return CrossProducts(
        fixed.shape[0], fixed.shape[1], len(groups), inner, border, stacks, others.T @ others
    )  # fmt: skip


def joined(groups: Sequence[Group]) -> Codes:
    """Return, for every row, the number of the block that its levels belong to."""
    block = groups[0].codes
    while True:
        before = block
        for group in groups:
            lowest = np.full(group.levels, np.iinfo(np.intp).max, np.intp)
            np.minimum.at(lowest, group.codes, block)
            block = lowest[group.codes]
        if np.array_equal(block, before):
            return np.unique(block, return_inverse=True)[1].astype(np.intp)


def _cheapest_split(groups: Sequence[Group]) -> tuple[int, ...]:
    """Return the factors to keep in blocks: the split with the fewest multiplications."""
    best: tuple[int, ...] = ()
    least = np.inf
    everything = range(len(groups))
    for count in reversed(range(len(groups) + 1)):
        for inner in combinations(everything, count):
            border = sum(groups[place].levels for place in everything if place not in inner)
            sizes = _block_sizes([groups[place] for place in inner])
            cost = float((sizes**3).sum() + (sizes**2).sum() * border + sizes.sum() * border**2 + border**3)
            if cost < least:
                best, least = inner, cost
    border = sum(groups[place].levels for place in everything if place not in best)
    if least > MOST_WORK or border * (groups[0].codes.size if groups else 0) > MOST_CELLS:
        terms = " and ".join(f"(1|{group.label})" for group in groups)
        msg = f"{terms} cross with too many levels to be fitted here: keep the one that matters, or pool its levels."
        raise ModelError(msg)
    return best


def _block_sizes(groups: Sequence[Group]) -> Array:
    if not groups:
        return np.zeros(0)
    block = joined(groups)
    sizes = np.zeros(block.max() + 1)
    for group in groups:
        first = np.zeros(group.levels, np.intp)
        first[group.codes] = block
        sizes += np.bincount(first, minlength=sizes.size)
    return sizes


def _stacks(groups: Sequence[Group], places: tuple[int, ...], others: Array) -> tuple[Stack, ...]:
    starts = np.concatenate([[0], np.cumsum([group.levels for group in groups])])
    total = int(starts[-1])
    block_of_row = joined(groups)
    block = np.empty(total, np.intp)
    factor = np.empty(total, np.intp)
    sums = np.empty((total, others.shape[1]))
    for start, group, place in zip(starts, groups, places, strict=False):
        own = slice(start, start + group.levels)
        block[own][group.codes] = block_of_row
        factor[own] = place
        for column, values in enumerate(others.T):
            sums[own, column] = np.bincount(group.codes, values, minlength=group.levels)
    sizes = np.bincount(block)
    order = np.argsort(block, kind="stable")
    within = np.empty(total, np.intp)
    within[order] = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    pairs = _pair_counts(groups, starts)
    found = []
    for size in np.unique(sizes):
        blocks = np.flatnonzero(sizes == size)
        members = np.flatnonzero(sizes[block] == size)
        row = np.searchsorted(blocks, block)
        index = np.empty((blocks.size, size), np.intp)
        index[row[members], within[members]] = members
        levels = np.zeros((blocks.size, size, size))
        here = sizes[block[pairs[0]]] == size
        one, other, counts = pairs[0][here], pairs[1][here], pairs[2][here]
        levels[row[one], within[one], within[other]] = counts
        found.append(Stack(levels, sums[index], factor[index]))
    return tuple(found)


def _pair_counts(groups: Sequence[Group], starts: NDArray[np.int64]) -> tuple[Codes, Codes, Array]:
    """Return which levels share rows, and how many: both ways round."""
    ones, others, counts = [], [], []
    for start, group in zip(starts, groups, strict=False):
        for other_start, other in zip(starts, groups, strict=False):
            pairs, count = np.unique(group.codes * other.levels + other.codes, return_counts=True)
            ones.append(start + pairs // other.levels)
            others.append(other_start + pairs % other.levels)
            counts.append(count)
    return np.concatenate(ones), np.concatenate(others), np.concatenate(counts).astype(float)
