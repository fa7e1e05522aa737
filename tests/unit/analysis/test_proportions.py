"""Wilson's interval on the published examples of Newcombe 1998, Stat Med 17:857, table I, method 3."""

import pytest

from studyportal.reports.analysis import is_response, wilson


@pytest.mark.parametrize(
    ("successes", "n", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_intervals(successes: int, n: int, lower: float, upper: float) -> None:
    proportion = wilson(successes, n)
    assert proportion.value == successes / n
    assert (proportion.lower, proportion.upper) == pytest.approx((lower, upper), abs=5e-5)


def test_the_interval_mirrors() -> None:
    few, many = wilson(3, 26), wilson(23, 26)
    assert (many.lower, many.upper) == pytest.approx((1 - few.upper, 1 - few.lower))
    assert wilson(26, 26).upper == 1.0


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} of {n} is not a proportion"):
        wilson(successes, n)


@pytest.mark.parametrize(("before", "after", "expected"), [(30, 15, True), (30, 16, False), (29, 14.5, True)])
def test_half_of_the_score_makes_a_response(before: float, after: float, expected: bool) -> None:
    assert is_response(before, after) is expected


def test_no_response_without_a_score_before() -> None:
    with pytest.raises(ValueError, match="positive score"):
        is_response(0, 0)
