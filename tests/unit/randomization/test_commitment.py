"""Proofs that know their place in the tree."""

import pytest

from sessions.randomization.commitment import leaf, merkle_proof, merkle_root, seed_commitment, verify_place


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 8, 11])
def test_a_leaf_is_proven_at_its_place_and_at_no_other(count: int) -> None:
    leaves = [leaf("01", at, f"R-{at}", "AB", bytes([at]) * 32) for at in range(count)]
    root = merkle_root(leaves)
    for position, own in enumerate(leaves):
        path = [sibling for sibling, _ in merkle_proof(leaves, position).path]
        assert [at for at in range(-1, count + 1) if verify_place(own, at, count, path, root)] == [position]
        assert not verify_place(own, position, count, [*path, bytes(32)], root)
        if path:
            assert not verify_place(own, position, count, path[:-1], root)
            assert not verify_place(own, position, count, [bytes(32), *path[1:]], root)


@pytest.mark.parametrize("position", [-1, 3])
def test_there_is_no_proof_of_a_place_beyond_the_list(position: int) -> None:
    with pytest.raises(ValueError, match="no leaf at this position"):
        merkle_proof([bytes(32)] * 3, position)


def test_a_seed_is_committed_under_a_prefix_of_its_own() -> None:
    """SHA-256 of 0x03 and 32 zero bytes."""
    import hashlib

    assert seed_commitment(bytes(32)) == hashlib.sha256(b"\x03" + bytes(32)).digest()
