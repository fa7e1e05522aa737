"""Minimization against Pocock's worked example, hand-made counts, and the promise that it is never deterministic."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import pytest

from sessions.randomization.generators import Generator
from sessions.randomization.minimization import (
    Measure,
    MinimizationScheme,
    counts_for,
    imbalances,
    minimize,
    newcomer_stream,
    probabilities,
    replay,
    scheme_of,
)

SEED = bytes(range(32))

# Pocock 1983, Clinical Trials: A Practical Approach, section on minimization: 80 patients with advanced breast cancer,
# by level of each factor and treatment (A, B).
BREAST_CANCER = {
    "performance": {"ambulatory": (30, 31), "non-ambulatory": (10, 9)},
    "age": {"<50": (18, 17), ">=50": (22, 23)},
    "free interval": {"<2 years": (31, 32), ">=2 years": (9, 8)},
    "lesion": {"visceral": (19, 21), "osseous": (8, 7), "soft tissue": (13, 12)},
}
NEWCOMER = {"performance": "ambulatory", "age": "<50", "free interval": ">=2 years", "lesion": "visceral"}


def patients() -> list[tuple[dict[str, str], str]]:
    """80 patients with exactly these margins; how the factors go together does not enter."""
    made = []
    for arm, letter in enumerate("AB"):
        columns = {
            factor: list(itertools.chain.from_iterable([level] * counts[arm] for level, counts in levels.items()))
            for factor, levels in BREAST_CANCER.items()
        }
        made += [(dict(zip(columns, row, strict=True)), letter) for row in zip(*columns.values(), strict=True)]
    return made


def breast_cancer(measure: Measure, **changed: object) -> MinimizationScheme:
    factors = {factor: tuple(levels) for factor, levels in BREAST_CANCER.items()}
    return MinimizationScheme(("A", "B"), factors, measure=measure, **changed)


def imbalances_of(scheme: MinimizationScheme) -> dict[str, float]:
    return imbalances(scheme, counts_for(scheme, patients(), NEWCOMER))


def test_the_worked_example_prefers_a() -> None:
    """Pocock adds the newcomer's levels: 76 on A, 77 on B, so A. The variance says the same: 4 x (77 - 76) / 4."""
    assert len(patients()) == 80
    found = imbalances_of(breast_cancer(Measure.VARIANCE))
    assert found == {"A": (0 + 4 + 4 + 1) / 4, "B": (4 + 0 + 0 + 9) / 4}
    choice = minimize(breast_cancer(Measure.VARIANCE), newcomer_stream(SEED, 81), patients(), NEWCOMER)
    assert choice.preferred == ("A",)
    assert choice.probabilities == {"A": Fraction(4, 5), "B": Fraction(1, 5)}


@pytest.mark.parametrize(("measure", "divisor"), [(Measure.RANGE, 1), (Measure.SD, 2)])
def test_the_worked_example_is_a_tie_by_range_and_by_sd(measure: Measure, divisor: int) -> None:
    """Absolute differences after the draw: 0 + 2 + 2 + 1 for A, 2 + 0 + 0 + 3 for B; of two counts the SD is half."""
    found = imbalances_of(breast_cancer(measure))
    assert found == {"A": 5 / divisor, "B": 5 / divisor}
    choice = minimize(breast_cancer(measure), newcomer_stream(SEED, 81), patients(), NEWCOMER)
    assert choice.preferred == ("A", "B")
    assert set(choice.probabilities.values()) == {Fraction(1, 2)}


def test_a_weight_breaks_the_tie() -> None:
    found = imbalances_of(breast_cancer(Measure.RANGE, weights={"lesion": 3}))
    assert found == {"A": 0 + 2 + 2 + 3 * 1, "B": 2 + 0 + 0 + 3 * 3}


def test_measures_of_three_counts() -> None:
    assert Measure.RANGE.of([1, 4, 2]) == 3
    assert Measure.VARIANCE.of([1, 4, 2]) == pytest.approx(14 / 9)
    assert Measure.SD.of([1, 4, 2]) == pytest.approx(math.sqrt(14 / 9))


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ({"A": 0.0, "B": 1.0, "C": 1.0}, (Fraction(8, 10), Fraction(1, 10), Fraction(1, 10))),
        ({"A": 0.0, "B": 0.0, "C": 1.0}, (Fraction(8, 17), Fraction(8, 17), Fraction(1, 17))),
        ({"A": 2.0, "B": 2.0, "C": 2.0}, (Fraction(1, 3),) * 3),
    ],
)
def test_the_coin_keeps_the_preferred_ahead(totals: dict[str, float], expected: tuple[Fraction, ...]) -> None:
    scheme = MinimizationScheme(("A", "B", "C"), {"sex": ("F", "M")})
    assert tuple(probabilities(scheme, totals).values()) == expected


@pytest.mark.parametrize("probability", [Fraction(7, 10), Fraction(9, 10)])
def test_it_is_never_deterministic(probability: Fraction) -> None:
    """With everybody before on A, B is preferred, and A is still drawn with 1 - p, over 2,000 streams."""
    scheme = MinimizationScheme(("A", "B"), {"sex": ("F", "M")}, probability=probability)
    previous = [({"sex": "F"}, "A")] * 20
    drawn = Counter(
        minimize(scheme, newcomer_stream(SEED, ordinal), previous, {"sex": "F"}).sequence for ordinal in range(2000)
    )
    expected = 2000 * (1 - probability)
    # Five standard errors; the seed is fixed, so this cannot fail by chance later.
    assert abs(drawn["A"] - expected) < 5 * math.sqrt(expected * probability)


def test_the_course_is_derived_again_and_stays_as_it_is() -> None:
    scheme = MinimizationScheme(("AB", "BA"), {"site": ("01", "02"), "sex": ("F", "M")}, measure=Measure.VARIANCE)
    people = [{"site": site, "sex": sex} for site, sex in itertools.product(("01", "02"), ("F", "M"))] * 5
    course = [choice.sequence for choice in replay(scheme, SEED, people)]
    assert course == [choice.sequence for choice in replay(scheme, SEED, people)]
    assert "".join(code[0] for code in course) == "BAAABBBBBAAAABABBBBA"
    other = replay(scheme, SEED, people, Generator.CHACHA20)
    assert "".join(choice.sequence[0] for choice in other) == "ABBABAABBBAAAABBABBA"


def test_it_balances_every_factor_better_than_coins_do() -> None:
    """Mean imbalance of a margin over 40 trials of 40: below 2, where fair coins leave sqrt(2 * 20 / pi) = 3.6."""
    scheme = MinimizationScheme(("AB", "BA"), {"site": ("01", "02"), "sex": ("F", "M")}, probability=Fraction(9, 10))
    people = [{"site": ("01", "02")[n % 2], "sex": ("F", "M")[n // 2 % 2]} for n in range(40)]
    gaps = []
    for trial in range(40):
        course = replay(scheme, bytes([trial]) * 32, people)
        for factor, levels in scheme.factors.items():
            for level in levels:
                own = [c.sequence for c, p in zip(course, people, strict=True) if p[factor] == level]
                gaps.append(abs(own.count("AB") - own.count("BA")))
    assert sum(gaps) / len(gaps) < 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sequences": ("A",)}, "two different sequences"),
        ({"sequences": ("A", "A")}, "two different sequences"),
        ({"factors": {}}, "needs a factor"),
        ({"factors": {"sex": ("F",)}}, "two levels or more"),
        ({"weights": {"age": 2}}, "age, which is no factor"),
        ({"weights": {"sex": 0}}, "positive whole number"),
        ({"probability": Fraction(1)}, "0.7 to 0.9"),
        ({"probability": Fraction(6, 10)}, "0.7 to 0.9"),
    ],
)
def test_impossible_settings_are_refused(changed: dict[str, object], words: str) -> None:
    settings = {"sequences": ("A", "B"), "factors": {"sex": ("F", "M")}} | changed
    with pytest.raises(ValueError, match=words):
        MinimizationScheme(**settings)


@pytest.mark.parametrize("newcomer", [{}, {"sex": "X"}])
def test_an_unknown_level_is_refused(newcomer: dict[str, str]) -> None:
    scheme = MinimizationScheme(("A", "B"), {"sex": ("F", "M")})
    with pytest.raises(ValueError, match="sex must be one of F, M"):
        minimize(scheme, newcomer_stream(SEED, 1), [], newcomer)


def test_stored_settings_give_the_scheme() -> None:
    stored = {"factors": {"sex": ["F", "M"]}, "weights": {"sex": 2}, "measure": "sd", "probability": "0.75"}
    assert scheme_of(stored, ["AB", "BA"]) == MinimizationScheme(
        ("AB", "BA"), {"sex": ("F", "M")}, {"sex": 2}, Measure.SD, Fraction(3, 4)
    )
    assert scheme_of({"factors": {"sex": ["F", "M"]}}, ["AB", "BA"]).probability == Fraction(4, 5)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({}, "needs its factors"),
        ({"factors": ["sex"]}, "needs its factors"),
        ({"factors": {"sex": ["F", "M"]}, "weights": {"sex": "x"}}, "whole numbers as weights"),
        ({"factors": {"sex": ["F", "M"]}, "measure": "entropy"}, "entropy"),
        ({"factors": {"sex": ["F", "M"]}, "probability": "most"}, "most"),
    ],
)
def test_impossible_stored_settings_are_refused(stored: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scheme_of(stored, ["AB", "BA"])
