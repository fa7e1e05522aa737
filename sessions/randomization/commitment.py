"""A Merkle commitment to a randomization list.

A trial's list is tiny: 24 participants in blocks of four have 2**15.5 lists, so an unsalted hash of the list would be
an unblinding. Every slot is a leaf with a 256-bit nonce of its own; one slot can be proven without showing another.
Leaves and nodes are hashed under different prefixes (RFC 6962, section 2.1).
"""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple


class Proof(NamedTuple):
    """The path from a leaf to the root: (sibling's hash, whether the sibling stands left)."""

    path: tuple[tuple[bytes, bool], ...]


def leaf(stratum: str, ordinal: int, number: str, sequence: str, nonce: bytes) -> bytes:
    """Return the hash of one slot."""
    text = json.dumps([stratum, ordinal, number, sequence, nonce.hex()], separators=(",", ":"))
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over the leaves in their order; an odd node moves up unchanged.

    Raises
    ------
    ValueError
        There is no leaf.
    """
    if not leaves:
        raise ValueError("a list without slots cannot be committed")
    level = list(leaves)
    while len(level) > 1:
        level = _next(level)
    return level[0]


def merkle_proof(leaves: Sequence[bytes], position: int) -> Proof:
    """Return the path that proves the leaf at `position`."""
    level, path = list(leaves), []
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append((level[sibling], sibling < position))
        level, position = _next(level), position // 2
    return Proof(tuple(path))


def verify_proof(slot: bytes, proof: Proof, root: bytes) -> bool:
    """Whether the leaf and its path lead to the root."""
    node = slot
    for sibling, stands_left in proof.path:
        node = _node(sibling, node) if stands_left else _node(node, sibling)
    return node == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _next(level: list[bytes]) -> list[bytes]:
    paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return paired + level[len(level) - len(level) % 2 :]
