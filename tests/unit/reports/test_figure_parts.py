"""Sentences, tables, projections and comparisons, from numbers alone."""

import datetime

import pytest

from sessions.randomization import Method
from sessions.randomization.comparison import compare, in_words, scheme
from studyportal.reports import number_words as words
from studyportal.reports.analysis import Estimate, wilson
from studyportal.reports.figures import Table
from studyportal.reports.progress import Cell
from studyportal.reports.progress_figures import Plan, Window, projection, recruitment_figure
from studyportal.reports.rows import ParticipantRow
from studyportal.reports.unblinded_plots import _apart

PLAN = Plan(datetime.date(2026, 1, 1), datetime.date(2026, 12, 31), 20, (("01", "North", 20),))


def people(*days: datetime.date) -> list[ParticipantRow]:
    return [
        ParticipantRow(
            participant=f"XO-{n:03}", site="01", sex="F", age_years=30, status="randomized",
            screened_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), randomization_number="R-1000",
            randomized_at=datetime.datetime.combine(day, datetime.time(9), datetime.UTC),
            is_randomized_on_paper=False, randomized_in_error_at=None, stratum_at_randomization="01|F",
            stratum_corrected="", withdrawn_on=None,
        )
        for n, day in enumerate(days)
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), [(-3.25, "−3.2"), (0.04, "0.0"), (-0.04, "0.0"), (2.0, "2.0")])
def test_signed_numbers(value: float, text: str) -> None:
    assert words.signed(value) == text


@pytest.mark.parametrize(("p", "text"), [(0.0004, "P < 0.001"), (0.0234, "P = 0.023"), (0.456, "P = 0.46")])
def test_p(p: float, text: str) -> None:
    assert words.p_words(p) == text


def test_intervals_and_shares() -> None:
    assert words.interval(Estimate(3.6, 1.0, -0.4, 7.6, 24, 0.1, 26)) == "3.6 (95 % CI −0.4 to 7.6)"
    assert words.share(wilson(13, 26)) == "13 of 26 (50 %, 95 % CI 32 to 68)"


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    assert Table(("a", "b"), (("=1+1", -2.5), ("plain", None))).as_csv() == "a,b\r\n'=1+1,-2.5\r\nplain,\r\n"


def test_projection_at_the_present_pace() -> None:
    days = [datetime.date(2026, 1, 10)] * 5
    today = datetime.date(2026, 2, 10)
    assert projection(days, PLAN, today) == today + datetime.timedelta(days=120)
    assert projection([], PLAN, today) is None
    assert projection(days * 4, PLAN, today) is None
    assert projection(days, PLAN, PLAN.starts_on) is None


@pytest.mark.parametrize(
    ("count", "today", "sentence"),
    [
        (5, datetime.date(2026, 2, 10), "reached on 10 Jun 2026, in time."),
        (2, datetime.date(2026, 7, 1), "days after the planned end."),
        (20, datetime.date(2026, 7, 1), "the target is reached."),
        (0, datetime.date(2026, 7, 1), "0 of 20 participants are randomized; the plan for today is 10."),
    ],
)
def test_recruitment_says_where_it_goes(count: int, today: datetime.date, sentence: str) -> None:
    figure = recruitment_figure(people(*[datetime.date(2026, 1, 10)] * count), PLAN, today)
    assert sentence in figure.finding
    made = figure.as_plotly()
    assert {trace["type"] for trace in made["data"]} == {"scatter"}
    assert len(made["data"]) == (3 if count in {2, 5} else 2)


@pytest.mark.parametrize(
    ("cell", "level"), [(Cell(0, 0), "none"), (Cell(9, 9), "full"), (Cell(8, 10), "part"), (Cell(7, 10), "low")]
)
def test_completeness_levels(cell: Cell, level: str) -> None:
    assert cell.level == level


def test_windows_without_anything_have_no_share() -> None:
    assert Window("w", 0, 0).percent is None
    assert Window("w", 2, 3).percent == 67


def test_labels_that_would_overlap_are_pushed_apart() -> None:
    assert _apart([1.0, 1.0], 1.0) == pytest.approx([1.045, 0.955])
    assert _apart([0.99, 1.0], 1.0) == pytest.approx([0.95, 1.04])
    assert _apart([1.0, 2.0], 1.0) == [1.0, 2.0]
    assert _apart([1.0], 1.0) == [1.0]


def test_schemes_in_words_and_in_order() -> None:
    assert in_words(Method.BIG_STICK, {"tolerance": 3}) == "Big stick, imbalance at most 3"
    assert in_words(Method.PERMUTED_BLOCKS, {"block_sizes": [4]}) == "Blocks of 4"
    assert in_words(Method.PERMUTED_BLOCKS, {"block_sizes": [2, 4, 6]}) == "Blocks of 2, 4 or 6 at random"
    shares = [one.percent for one in compare(40)]
    assert shares == sorted(shares)
    assert scheme(Method.BIG_STICK, {"tolerance": 3}, 40).percent == pytest.approx(57.78, abs=0.01)
    assert scheme(Method.PERMUTED_BLOCKS, {"block_sizes": [2]}, 40).guess_probability == pytest.approx(0.75)
