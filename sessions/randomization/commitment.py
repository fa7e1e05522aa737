"""A Merkle commitment to a randomization list.

A trial's list is tiny: 24 participants in blocks of four have 2**15.5 lists, so an unsalted hash of the list would be
an unblinding. Every slot is a leaf with a 256-bit nonce of its own; one slot can be proven without showing another.
Leaves, nodes, the header and the seed are hashed under different prefixes (RFC 6962, section 2.1), so that none can
pass for another. An odd node moves up unchanged: the tree of RFC 6962, in which a list and the same list with its last
slot doubled have different roots.

Two kinds of tree: the plain one over the leaves in their order, and the *bound* one of new lists, in which the leaves
stand sorted among as many dummies as fill the tree. A path through it tells neither how long the list is nor where in
the list a slot stands; its root is joined with the hash of study, list and terms, so that a path also proves whose the
slot is.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

LEAF, NODE, HEADER, SEED = b"\x00", b"\x01", b"\x02", b"\x03"
TERMS, LINK, DUMMY = b"\x04", b"\x05", b"\x06"
FEWEST_LEAVES = 4096
"""Leaves of a bound tree, dummies included; a longer list takes the next power of two."""


class Proof(NamedTuple):
    """The path from a leaf to the root: (sibling's hash, whether the sibling stands left)."""

    path: tuple[tuple[bytes, bool], ...]


def canonical(value: object) -> bytes:
    """Return the one JSON text of a value that is hashed: sorted names, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def leaf(stratum: str, ordinal: int, number: str, sequence: str, nonce: bytes) -> bytes:
    """Return the hash of one slot."""
    return hashlib.sha256(LEAF + canonical([stratum, ordinal, number, sequence, nonce.hex()])).digest()


def header_leaf(header: Mapping[str, object]) -> bytes:
    """Return the hash of how a list was made; it stands as the first leaf of a whole commitment."""
    return hashlib.sha256(HEADER + canonical(dict(header))).digest()


def seed_commitment(seed: bytes) -> bytes:
    """Return the hash that commits to a seed of 256 bits: also all that minimization can commit to in advance."""
    return hashlib.sha256(SEED + seed).digest()


def binding(study: str, list_id: str, terms: bytes) -> bytes:
    """Return the hash that binds a commitment to its study and list; `terms` is the digest of all else of the header.

    Two texts and a digest can be shown beside a slot, and give nothing of the settings away.
    """
    return hashlib.sha256(HEADER + canonical([study, list_id, terms.hex()])).digest()


def terms_digest(header: Mapping[str, object]) -> bytes:
    """Return the digest of how a list was made without study and list; the hash of the seed in it keeps it hidden."""
    own = {name: value for name, value in header.items() if name not in {"study", "list"}}
    return hashlib.sha256(TERMS + canonical(own)).digest()


def hidden_leaves(leaves: Sequence[bytes], seed: bytes) -> list[bytes]:
    """Return the leaves of a bound tree: those given and the dummies that the seed gives, sorted by their bytes."""
    whole = max(FEWEST_LEAVES, 1 << (len(leaves) - 1).bit_length())
    dummies = (hashlib.sha256(DUMMY + seed + at.to_bytes(4, "big")).digest() for at in range(whole - len(leaves)))
    return sorted([*leaves, *dummies])


def bound_root(bound: bytes, tree: bytes) -> bytes:
    """Return the root of a bound commitment: the binding beside the root of the hidden leaves."""
    return _node(bound, tree)


def chain_link(previous: bytes, row: Sequence[str]) -> bytes:
    """Return the next link of the chain over allocations in their order; the first follows 32 zero bytes."""
    return hashlib.sha256(LINK + previous + canonical(list(row))).digest()


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
    """Return the path that proves the leaf at `position`.

    Raises
    ------
    ValueError
        There is no such leaf.
    """
    if not 0 <= position < len(leaves):
        raise ValueError("there is no leaf at this position")
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


def verify_place(slot: bytes, position: int, count: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf stands at `position` of `count` leaves under the root; the path holds the siblings only."""
    if not 0 <= position < count:
        return False
    node, left = slot, list(path)
    while count > 1:
        if position ^ 1 < count:
            if not left:
                return False
            sibling = left.pop(0)
            node = _node(sibling, node) if position % 2 else _node(node, sibling)
        position, count = position // 2, (count + 1) // 2
    return not left and node == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()


def _next(level: list[bytes]) -> list[bytes]:
    paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return paired + level[len(level) - len(level) % 2 :]
