"""Making, committing and examining lists: known answers, refusals, and facts that find each planted fault."""

from collections import Counter
from dataclasses import replace

import pytest

from sessions.randomization import (
    HmacDrbg,
    Method,
    Slot,
    accept,
    generate_list,
    leaf,
    merkle_proof,
    merkle_root,
    verify_proof,
)
from sessions.randomization.acceptance import largest_imbalance
from sessions.randomization.schemes import big_stick, draw_blocks, permuted_blocks

SEED = bytes(range(32))
DESIGN = {
    "method": Method.PERMUTED_BLOCKS, "parameters": {"block_sizes": [2, 4]}, "sequences": ["AB", "BA"],
    "strata": ["01|F", "01|M"],
}  # fmt: skip


def facts(slots: list[Slot], root: bytes, **changed: object):
    return accept(slots, seed=SEED, root=root, **(DESIGN | changed))


def made(slots: int = 10, **changed: object):
    return generate_list(slots_per_stratum=slots, seed=SEED, **(DESIGN | changed))


def test_the_same_seed_gives_the_same_list_and_another_seed_another() -> None:
    assert made() == made()
    other = generate_list(slots_per_stratum=10, seed=bytes(32), **DESIGN)
    assert other.root != made().root


def test_a_known_list_stays_derivable() -> None:
    """This list was made when the generator was written; a change of the stream would break every trial's proof."""
    assert "".join(slot.sequence[0] for slot in made().slots) == "BABAABBAABBAABBAABBA"
    assert [slot.number for slot in made().slots][:3] == ["R-1672", "R-7780", "R-4493"]
    assert made().root.hex() == "4fd2a839c13e5dfc47f8a282894ad6c348917fbf1b129faf5fdc69dc6d306c31"
    assert sorted({slot.ordinal for slot in made().slots}) == list(range(1, 11))
    assert len({slot.number for slot in made().slots}) == 20
    assert len({slot.nonce for slot in made().slots}) == 20


def test_strata_do_not_share_a_stream() -> None:
    one, other = ([slot.sequence for slot in made(40).slots if slot.stratum == key] for key in DESIGN["strata"])
    assert one != other


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"parameters": {"block_sizes": [3]}}, "multiple of 2"),
        ({"parameters": {"block_sizes": []}}, "multiple of 2"),
        ({"parameters": {}}, "list of block sizes"),
        ({"method": Method.BIG_STICK, "parameters": {"tolerance": 0}}, "at least 1"),
        ({"method": Method.BIG_STICK, "parameters": {"tolerance": "3"}}, "whole number"),
        ({"sequences": ["AB"]}, "two sequences or more"),
        ({"strata": []}, "two sequences or more"),
        ({"strata": ["01", "01"]}, "named twice"),
    ],
)
def test_impossible_designs_are_refused_with_the_reason(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(**changed)


def test_no_slots_and_a_short_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="a slot in each"):
        made(0)
    with pytest.raises(ValueError, match="32 bytes"):
        generate_list(slots_per_stratum=2, seed=b"short", **DESIGN)


def test_blocks_hold_every_sequence_equally_often() -> None:
    blocks = draw_blocks(HmacDrbg(SEED), ["AB", "BA"], 50, [2, 4, 6])
    assert {len(block) for block in blocks} == {2, 4, 6}
    assert all(Counter(block)["AB"] == Counter(block)["BA"] for block in blocks)
    flat = permuted_blocks(HmacDrbg(SEED), ["AB", "BA"], 50, [2, 4, 6])
    assert flat == [code for block in blocks for code in block][:50]


def test_blocks_of_three_sequences() -> None:
    drawn = permuted_blocks(HmacDrbg(SEED), ["A", "B", "C"], 9, [3])
    assert all(sorted(drawn[i : i + 3]) == ["A", "B", "C"] for i in (0, 3, 6))


@pytest.mark.parametrize("tolerance", [1, 2, 3])
def test_big_stick_reaches_and_never_passes_its_stick(tolerance: int) -> None:
    drawn = big_stick(HmacDrbg(SEED), ["AB", "BA"], 400, tolerance)
    assert largest_imbalance(drawn, ["AB", "BA"]) == tolerance


def test_acceptance_of_blocks() -> None:
    generated = made()
    found = facts(list(generated.slots), generated.root)
    assert found.passes
    assert [(f.stratum, f.slots) for f in found.strata] == [("01|F", 10), ("01|M", 10)]
    for one in found.strata:
        assert one.blocks == one.blocks_balanced > 0
        assert sum(one.counts.values()) == 10
        assert 1 <= one.largest_imbalance <= 2


def test_acceptance_of_big_stick_has_no_blocks() -> None:
    big = {"method": Method.BIG_STICK, "parameters": {"tolerance": 3}}
    generated = made(20, **big)
    found = facts(list(generated.slots), generated.root, **big)
    assert found.passes
    assert {one.blocks for one in found.strata} == {0}
    assert all(one.largest_imbalance <= 3 for one in found.strata)


def test_an_exchanged_slot_is_found() -> None:
    generated = made()
    slots = list(generated.slots)
    flipped = "BA" if slots[3].sequence == "AB" else "AB"
    slots[3] = replace(slots[3], sequence=flipped)
    found = facts(slots, generated.root)
    assert not found.derives_again
    assert not found.is_balanced
    assert not found.passes


def test_another_commitment_is_found() -> None:
    generated = made()
    assert not facts(list(generated.slots), bytes(32)).derives_again


def test_a_sorted_list_is_found() -> None:
    generated = made()
    codes = {key: sorted(s.sequence for s in generated.slots if s.stratum == key) for key in DESIGN["strata"]}
    slots = [replace(s, sequence=codes[s.stratum][s.ordinal - 1]) for s in generated.slots]
    found = facts(slots, generated.root)
    assert found.is_sorted
    assert not found.passes


def test_one_sorted_stratum_may_be_chance() -> None:
    generated = made()
    codes = sorted(s.sequence for s in generated.slots if s.stratum == "01|F")
    slots = [replace(s, sequence=codes[s.ordinal - 1]) if s.stratum == "01|F" else s for s in generated.slots]
    found = facts(slots, generated.root)
    assert found.strata[0].is_sorted
    assert not found.is_sorted


def test_numbers_in_order_are_found() -> None:
    generated = made()
    numbers = {
        key: sorted((s.number for s in generated.slots if s.stratum == key), reverse=True) for key in DESIGN["strata"]
    }
    slots = [replace(s, number=numbers[s.stratum][s.ordinal - 1]) for s in generated.slots]
    found = facts(slots, generated.root)
    assert found.numbers_in_order
    assert found.is_sorted


def test_a_repeated_number_is_found() -> None:
    generated = made()
    slots = [*generated.slots[:-1], replace(generated.slots[-1], number=generated.slots[0].number)]
    assert not facts(slots, generated.root).numbers_distinct


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
def test_every_slot_is_proven_alone_and_any_changed_bit_fails(count: int) -> None:
    leaves = [leaf("01", i, f"R-{i}", "AB", bytes([i]) * 32) for i in range(count)]
    root = merkle_root(leaves)
    for position, own in enumerate(leaves):
        proof = merkle_proof(leaves, position)
        assert verify_proof(own, proof, root)
        broken = bytes([own[0] ^ 1]) + own[1:]
        assert not verify_proof(broken, proof, root)


def test_an_empty_list_cannot_be_committed() -> None:
    with pytest.raises(ValueError, match="without slots"):
        merkle_root([])
