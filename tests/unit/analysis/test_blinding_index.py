"""James' and Bang's indices against the published examples and against their limits."""

import math

import pytest

from studyportal.reports.analysis.blinding_index import DONT_KNOW, bang, james


def table(active: tuple[int, int, int], placebo: tuple[int, int, int]) -> dict[str, dict[str, int]]:
    """Answers "active", "placebo", "don't know" of those on active and of those on placebo."""
    answers = ("active", "placebo", DONT_KNOW)
    return {"active": dict(zip(answers, active, strict=True)), "placebo": dict(zip(answers, placebo, strict=True))}


# Bang, Ni and Davis 2004, table 7: the CRISP trial (lovastatin and placebo).
CRISP = table((82, 25, 170), (27, 29, 83))
# Houweling, Shapiro, Cohen and Kahn 2014, Clinical Trials 11:547, table 2: investigators of the SOX trial.
SOX = table((48, 4, 330), (22, 30, 319))


def test_bang_of_crisp() -> None:
    """Published: 0.21 for active and 0.01 for placebo; (82 - 25) / 277 and (29 - 27) / 139."""
    found = bang(CRISP)
    assert found["active"].value == pytest.approx(57 / 277)
    assert found["placebo"].value == pytest.approx(2 / 139)
    assert [round(found[arm].value, 2) for arm in found] == [0.21, 0.01]
    assert [found[arm].n for arm in found] == [277, 139]
    # The paper gives the limits of one-sided 95 % intervals: those of a two-sided one of 90 %.
    one_sided = bang(CRISP, confidence=0.9)["active"]
    assert (round(one_sided.lower, 2), round(one_sided.upper, 2)) == (0.15, 0.26)


def test_james_of_crisp() -> None:
    """Published: 0.75."""
    found = james(CRISP)
    assert round(found.value, 2) == 0.75
    assert (found.value, found.standard_error) == (pytest.approx(0.74793, abs=1e-5), pytest.approx(0.02174, abs=1e-5))
    assert found.n == 416


def test_both_indices_of_sox_as_published() -> None:
    """Figures of the example in the documentation of BlindingIndex.jl, which follows the R package BI."""
    found = james(SOX)
    assert [round(one, 3) for one in (found.value, found.standard_error, found.lower, found.upper)] == [
        0.896, 0.011, 0.875, 0.918,
    ]  # fmt: skip
    by_arm = bang(SOX)
    for arm, expected in (("active", [0.115, 0.018, 0.08, 0.15]), ("placebo", [0.022, 0.019, -0.016, 0.06])):
        one = by_arm[arm]
        assert [round(x, 3) for x in (one.value, one.standard_error, one.lower, one.upper)] == expected


@pytest.mark.parametrize(
    ("guesses", "value"),
    [
        (table((10, 0, 0), (0, 10, 0)), 0.0),  # everybody right
        (table((0, 10, 0), (10, 0, 0)), 1.0),  # everybody wrong
        (table((5, 5, 0), (5, 5, 0)), 0.5),  # random
        (table((0, 0, 10), (0, 0, 10)), 1.0),  # everybody says don't know
        (table((5, 5, 10), (5, 5, 10)), 0.75),
    ],
)
def test_james_at_its_limits(guesses: dict, value: float) -> None:
    assert james(guesses).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("answers", "value"), [((10, 0, 0), 1), ((0, 10, 0), -1), ((5, 5, 0), 0), ((0, 0, 10), 0), ((6, 2, 2), 0.4)]
)
def test_bang_at_its_limits(answers: tuple[int, int, int], value: float) -> None:
    found = bang(table(answers, (1, 1, 1)))["active"]
    assert found.value == pytest.approx(value)
    assert -1 <= found.lower <= found.value <= found.upper <= 1
    if abs(value) == 1 or answers == (0, 0, 10):
        assert found.standard_error == 0


def test_james_derivatives_are_those_of_the_index() -> None:
    """The standard error by numerical derivatives of the published formula, for two and for three treatments."""
    three = {
        "A": {"A": 12, "B": 5, "C": 3, DONT_KNOW: 20},
        "B": {"A": 4, "B": 9, "C": 6, DONT_KNOW: 17},
        "C": {"A": 2, "B": 8, "C": 11, DONT_KNOW: 25},
    }
    for guesses in (CRISP, SOX, three):
        arms = list(guesses)
        rows = [*arms, DONT_KNOW]
        n = sum(sum(answers.values()) for answers in guesses.values())
        shares = {(i, j): guesses[j][i] / n for i in rows for j in arms}

        def index(p: dict, arms=arms) -> float:
            dk = sum(p[DONT_KNOW, j] for j in arms)
            wrong = [(i, j) for i in arms for j in arms if i != j]
            seen = sum(p[cell] / 2 for cell in wrong) / (1 - dk)
            chance = sum(sum(p[i, m] for m in arms) * sum(p[m, j] for m in arms) / 2 for i, j in wrong) / (1 - dk) ** 2
            return (1 + dk + (1 - dk) * (seen - chance) / chance) / 2

        step = 1e-6
        slopes = {
            cell: (index(shares | {cell: share + step}) - index(shares | {cell: share - step})) / (2 * step)
            for cell, share in shares.items()
        }
        mean = sum(slopes[cell] * share for cell, share in shares.items())
        variance = sum(slopes[cell] ** 2 * share for cell, share in shares.items()) - mean**2
        found = james(guesses)
        assert found.value == pytest.approx(index(shares))
        assert found.standard_error == pytest.approx(math.sqrt(variance / n), rel=1e-5)


def test_a_treatment_nobody_was_asked_about_has_no_index() -> None:
    assert bang(table((3, 1, 0), (0, 0, 0)))["placebo"] is None


@pytest.mark.parametrize("index", [james, bang])
@pytest.mark.parametrize(
    ("guesses", "words"),
    [
        ({"A": {"A": 1}}, "two treatments or more"),
        ({"A": {"A": 1}, "B": {"C": 1}}, "a guess of C is neither"),
        ({"A": {"A": -1}, "B": {}}, "cannot be negative"),
        ({"A": {}, "B": {"A": 0}}, "nobody was asked"),
    ],
)
def test_impossible_tables_are_refused(index, guesses: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        index(guesses)


def test_what_is_not_defined_is_refused() -> None:
    with pytest.raises(ValueError, match="use James' index for more"):
        bang({"A": {"A": 1}, "B": {}, "C": {}})
    with pytest.raises(ValueError, match="not defined"):
        james(table((5, 0, 2), (0, 0, 3)))
