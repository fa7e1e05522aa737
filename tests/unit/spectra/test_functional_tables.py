"""The tidy tables of a functional result, from what the engine tells."""

from dataclasses import fields

import pytest

from sessions import functional_tables as tables
from studyportal.reports import functional_rows
from studyportal.reports.rows import RunFrame
from tests.factories import functional


def test_a_series_is_a_full_grid_of_parts_and_quantities() -> None:
    series = [functional.part(0, [0], 1.25), functional.part(1, [1], None)]
    rows = list(tables.series_rows(series, -8.0))
    assert [(row["part"], row["quantity"], row["name"], row["value"]) for row in rows] == [
        (0, "amplitude", "Glx", 5.0), (0, "ratio", "Glx/tNAA", 1.25),
        (1, "amplitude", "Glx", None), (1, "ratio", "Glx/tNAA", None),
    ]  # fmt: skip
    assert [row["minutes_from_infusion"] for row in rows] == [-7.5, -7.5, -6.5, -6.5]
    assert tables.count(series) == 4 == len(rows)


def test_times_that_nobody_knows_stay_empty() -> None:
    (row,) = tables.transient_rows({"count": 1, "shift_hz": [0.5]}, -8.0)
    assert (row["minutes_from_start"], row["minutes_from_infusion"], row["snr"]) == (None, None, None)
    series = [functional.part(0, [0], 1.25)]
    assert [row["minutes_from_infusion"] for row in tables.series_rows(series, None)] == [None, None]


@pytest.mark.parametrize(
    "outcomes", [{}, {"predose": None, "change_after_dose": None, "clock": {"dose_minutes": None}}]
)
def test_what_was_not_computed_has_no_row(outcomes: dict) -> None:
    assert list(tables.change_rows(outcomes)) == []
    assert list(tables.effect_rows(outcomes)) == []
    assert list(tables.series_rows([], None)) == []
    assert list(tables.transient_rows({}, None)) == []
    assert tables.count([]) == 0


def test_contrasts_stand_beside_the_terms_that_they_combine() -> None:
    effect = functional.effect
    told = {
        "baseline": effect(1.0), "regressors": {"heat": effect(0.2, 20.0), "rest": effect(0.1, 10.0)},
        "contrasts": {"heat-rest": effect(0.1, 10.0)}, "residual_sd": 0.5,
    }  # fmt: skip
    model = functional.OUTCOMES["glm"] | {"outcomes": {"Glx": told, "Glx/tNAA": told}}
    rows = list(tables.effect_rows({"glm": model}))
    assert [(row["quantity"], row["term"], row["kind"]) for row in rows[:4]] == [
        ("amplitude", "baseline", "baseline"), ("amplitude", "heat", "regressor"),
        ("amplitude", "heat-rest", "contrast"), ("amplitude", "rest", "regressor"),
    ]  # fmt: skip
    assert [row["autocorrelation"] for row in rows] == [None] * 4 + [0.125] * 4


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (tables.SERIES, functional_rows.SeriesRow), (tables.CHANGES, functional_rows.ChangeRow),
        (tables.EFFECTS, functional_rows.EffectRow), (tables.TRANSIENTS, functional_rows.TransientRow),
    ],
)  # fmt: skip
def test_downloads_and_the_api_have_the_same_columns(columns: tuple[str, ...], row: type) -> None:
    frame = [field.name for field in fields(RunFrame)]
    assert [field.name for field in fields(row)] == [*frame, *columns]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (tables.SERIES, tables.series_rows(functional.SERIES, 0.0)),
        (tables.CHANGES, tables.change_rows(functional.OUTCOMES)),
        (tables.EFFECTS, tables.effect_rows(functional.OUTCOMES)),
        (tables.TRANSIENTS, tables.transient_rows(functional.TRANSIENTS, 0.0)),
    ],
)  # fmt: skip
def test_every_row_has_its_columns_in_their_order(columns: tuple[str, ...], rows) -> None:
    assert {tuple(row) for row in rows} == {columns}
