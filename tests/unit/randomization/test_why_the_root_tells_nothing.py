"""Why a published root may differ between worlds: it hides the list as long as the nonces of its slots are secret.

The twin worlds all publish one root, so that their pages can be compared; what that leaves out is shown here. A tiny
study has so few lists that a hash without nonces would be found by trying them all.
"""

from itertools import product

from sessions.randomization.commitment import leaf, merkle_root

NUMBERS = ("R-100", "R-200", "R-300", "R-400")
NONCES = tuple(bytes([place]) * 32 for place in range(1, 5))


def root(sequences: tuple[str, ...], nonces: tuple[bytes, ...]) -> bytes:
    """Return the root of a stratum of four."""
    return merkle_root([
        leaf("01|F", place, NUMBERS[place], sequence, nonces[place]) for place, sequence in enumerate(sequences)
    ])  # fmt: skip


def test_a_root_commits_to_the_sequences() -> None:
    roots = {root(sequences, NONCES) for sequences in product(("AB", "BA"), repeat=4)}
    assert len(roots) == 16


def test_without_nonces_sixteen_tries_find_the_list() -> None:
    empty = (b"",) * 4
    published = root(("AB", "BA", "BA", "AB"), empty)
    guessed = [tried for tried in product(("AB", "BA"), repeat=4) if root(tried, empty) == published]
    assert guessed == [("AB", "BA", "BA", "AB")]


def test_without_the_nonces_no_list_fits_better_than_another() -> None:
    """Whoever lacks them cannot tell: for every list there are nonces of its own, and none of those tried fits."""
    published = root(("AB", "BA", "BA", "AB"), NONCES)
    wrong = tuple(bytes([place]) * 32 for place in range(5, 9))
    assert [tried for tried in product(("AB", "BA"), repeat=4) if root(tried, wrong) == published] == []
    # One nonce is enough to hide its slot: the three others known, both sequences of the fourth stay possible.
    known = (*NONCES[:3], wrong[3])
    assert root(("AB", "BA", "BA", "AB"), known) != published != root(("AB", "BA", "BA", "BA"), known)
    assert all(len(nonce) == 32 for nonce in NONCES)
