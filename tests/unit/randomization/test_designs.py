"""Williams designs are exactly balanced; uploaded sets of sequences are checked in sentences."""

import itertools
from collections import Counter

import pytest

from sessions.randomization.designs import ab_ba, carry_over, check_sequences, williams

LETTERS = "ABCDEFGH"


@pytest.mark.parametrize("k", range(2, 9))
def test_a_williams_design_is_balanced_in_every_way(k: int) -> None:
    treatments = list(LETTERS[:k])
    made = williams(treatments)
    expected = k if k % 2 == 0 else 2 * k
    assert len(made) == expected
    assert all(sorted(row) == treatments for row in made.values())
    for period in range(k):
        assert Counter(row[period] for row in made.values()) == dict.fromkeys(treatments, expected // k)
    assert carry_over(made) == dict.fromkeys(itertools.permutations(treatments, 2), expected // k)
    checked = check_sequences(made, treatments)
    assert checked.passes
    assert checked.remarks == ()
    assert all("".join(row) == code for code, row in made.items())


def test_ab_ba() -> None:
    assert ab_ba("A", "B") == {"AB": ("A", "B"), "BA": ("B", "A")}


def test_four_treatments_as_published() -> None:
    """The square of the textbooks (such as Jones and Kenward 2014): ABDC, BCAD, CDBA, DACB."""
    assert sorted(williams("ABCD")) == ["ABDC", "BCAD", "CDBA", "DACB"]


@pytest.mark.parametrize(
    ("treatments", "words"),
    [
        (["A"], "2 to 8 treatments, not for 1"),
        (list("ABCDEFGHI"), "not for 9"),
        (["A", "A"], "a name of its own"),
        (["A", ""], "a name of its own"),
        (["A", "AA"], "run together"),
    ],
)
def test_impossible_williams_designs_are_refused(treatments: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        williams(treatments)


@pytest.mark.parametrize(
    ("sequences", "sentence"),
    [
        ({"AB": ("A", "B")}, "There must be at least two sequences"),
        ({"AB": ("A", "B"), "B": ("B",)}, "AB has 2, B has 1. Complete the short ones."),
        ({"AB": ("A", "B"), " ": ("B", "A")}, "A sequence has no code."),
        ({"AB": ("A", "B"), "BC": ("B", "C")}, "Sequence BC names C, which is no treatment of this study. Use A, B."),
        ({"AB": (), "BA": ()}, "Sequence AB gives no treatment."),
        ({"AB": ("A", "B"), "X": ("A", "B")}, "Sequences AB and X give the same treatments."),
        ({"AA": ("A", "A"), "A": ("A", "A")}, "No sequence gives B."),
    ],
)
def test_faults_say_what_to_do(sequences: dict[str, tuple[str, ...]], sentence: str) -> None:
    checked = check_sequences(sequences, ["A", "B"])
    assert not checked.passes
    assert any(sentence in fault for fault in checked.faults)
    assert checked.remarks == ()


def test_balaam_design_passes_with_remarks() -> None:
    """AB, BA, AA, BB: allowed, each sequence's repetition and incompleteness is told, carry-over is balanced."""
    checked = check_sequences({"AB": ("A", "B"), "BA": ("B", "A"), "AA": ("A", "A"), "BB": ("B", "B")}, ["A", "B"])
    assert checked.passes
    assert checked.remarks == (
        "Sequence AA gives A more than once.",
        "Sequence AA does not give B: the design is incomplete.",
        "Sequence BB gives B more than once.",
        "Sequence BB does not give A: the design is incomplete.",
    )


def test_a_latin_square_that_is_no_williams_square_is_told() -> None:
    cyclic = {"ABC": ("A", "B", "C"), "BCA": ("B", "C", "A"), "CAB": ("C", "A", "B")}
    assert check_sequences(cyclic, ["A", "B", "C"]).remarks == (
        (
            "The treatments do not follow one another equally often, so a carry-over of one treatment into the next "
            "period does not cancel out. A Williams design is balanced for it."
        ),
    )


def test_an_unbalanced_period_is_told() -> None:
    checked = check_sequences({"AB": ("A", "B"), "BA": ("B", "A"), "AA": ("A", "A")}, ["A", "B"])
    assert "Period 1 does not give the treatments equally often (A 2, B 1)." in checked.remarks
