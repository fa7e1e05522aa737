"""Means and intervals of time courses, by hand."""

import pytest

from studyportal.reports.analysis import Measurement, SeriesPoint, plain_series, within_participant_series

# Two people, far apart, with the same rise of 1 and 3 from block 0 to 1.
ROWS = [
    Measurement("P1", "placebo", 0, 10.0),
    Measurement("P1", "placebo", 1, 11.0),
    Measurement("P2", "placebo", 0, 20.0),
    Measurement("P2", "placebo", 1, 23.0),
]
T_975_1_DF = 12.706205


def test_plain_intervals_hold_the_differences_between_people() -> None:
    first, second = plain_series(ROWS)
    assert (first.treatment, first.block, first.n, first.mean) == ("placebo", 0, 2, 15.0)
    # SD of 10 and 20 is 7.0711, divided by the root of 2 is 5.
    assert first.upper == pytest.approx(15 + 5 * T_975_1_DF)
    assert second.lower == pytest.approx(17 - 6 * T_975_1_DF)


def test_within_intervals_do_not() -> None:
    first, second = within_participant_series(ROWS)
    assert (first.mean, second.mean) == (15.0, 17.0)
    # Shifted to a mean of 16: 15.5 and 14.5 in block 0; standard error 0.5, widened by the root of 2 / (2 - 1).
    assert first.upper == pytest.approx(15 + 0.5 * 2**0.5 * T_975_1_DF)
    assert first.lower == pytest.approx(15 - 0.5 * 2**0.5 * T_975_1_DF)
    assert second.upper == pytest.approx(17 + 0.5 * 2**0.5 * T_975_1_DF)


def test_people_with_a_gap_count_only_in_plain_series() -> None:
    rows = [*ROWS, Measurement("P3", "placebo", 0, 90.0)]
    assert [point.n for point in plain_series(rows)] == [3, 2]
    assert within_participant_series(rows) == within_participant_series(ROWS)
    assert within_participant_series([ROWS[0], ROWS[3]]) == []


def test_cells_come_in_the_order_of_treatment_and_time() -> None:
    rows = [Measurement("P1", treatment, block, 1.0) for treatment, block in (("b", 1), ("a", 2), ("b", 0), ("a", 0))]
    assert [(point.treatment, point.block) for point in plain_series(rows)] == [("a", 0), ("a", 2), ("b", 0), ("b", 1)]


def test_a_single_value_has_no_interval() -> None:
    assert plain_series(ROWS[:1]) == [SeriesPoint("placebo", 0, 1, 10.0, None, None)]


def test_doubtful_input_is_refused() -> None:
    with pytest.raises(ValueError, match="two cells or more"):
        within_participant_series(ROWS[:1])
    with pytest.raises(ValueError, match="participant P1 has two values for placebo, block 0"):
        within_participant_series([*ROWS, ROWS[0]])
