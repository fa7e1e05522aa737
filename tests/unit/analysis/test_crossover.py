"""The crossover estimates on a classical data set, in closed form, and against least squares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyportal.reports.analysis import PairedOutcome, by_subgroup, change, hills_armitage, paired_t, period_effect

# Peak expiratory flow (L/min) of 13 children on formoterol and salbutamol: the AB/BA example of Senn, Cross-over Trials
# in Clinical Research, 2nd edition, Wiley 2002, chapter 3. First those who took formoterol in period 1.
FORMOTEROL_FIRST = [(310, 270), (310, 260), (370, 300), (410, 390), (250, 210), (380, 350), (330, 365)]
SALBUTAMOL_FIRST = [(370, 385), (310, 400), (380, 410), (290, 320), (260, 340), (90, 220)]
ASTHMA = [PairedOutcome(*pair, treated_first=True) for pair in FORMOTEROL_FIRST] + [
    PairedOutcome(*pair, treated_first=False) for pair in SALBUTAMOL_FIRST
]


def test_paired_t_of_the_asthma_trial() -> None:
    estimate = paired_t(ASTHMA)
    assert estimate.value == pytest.approx(590 / 13)
    assert estimate.standard_error == pytest.approx(11.26, abs=0.005)
    assert (estimate.degrees_of_freedom, estimate.n) == (12, 13)
    assert (estimate.lower, estimate.upper) == pytest.approx((20.85, 69.92), abs=0.01)
    assert estimate.value / estimate.standard_error == pytest.approx(4.03, abs=0.005)


def test_hills_armitage_of_the_asthma_trial() -> None:
    estimate = hills_armitage(ASTHMA)
    assert estimate.value == pytest.approx((215 / 7 + 375 / 6) / 2)
    assert estimate.value == pytest.approx(46.6, abs=0.05)
    assert estimate.standard_error == pytest.approx(10.8, abs=0.05)
    assert estimate.degrees_of_freedom == 11
    assert (estimate.lower, estimate.upper) == pytest.approx((22.9, 70.3), abs=0.1)
    assert estimate.p_value == pytest.approx(0.0012, abs=0.0001)


def test_estimates_equal_least_squares_with_participants_as_factors() -> None:
    rows, values = [], []
    for index, outcome in enumerate(ASTHMA):
        person = np.eye(len(ASTHMA))[index]
        rows += [[*person, outcome.treated_first, 0], [*person, not outcome.treated_first, 1]]
        values += [outcome.period_1, outcome.period_2]
    treatment, period = np.linalg.lstsq(np.array(rows, float), np.array(values, float), rcond=None)[0][-2:]
    assert hills_armitage(ASTHMA).value == pytest.approx(treatment)
    assert period_effect(ASTHMA).value == pytest.approx(period)


def test_a_hand_computed_example() -> None:
    # Period differences 4, 6 (mean 5) and -1, -3 (mean -2); pooled variance (2 + 2) / 2 = 2.
    outcomes = [
        PairedOutcome(10, 6, treated_first=True),
        PairedOutcome(12, 6, treated_first=True),
        PairedOutcome(7, 8, treated_first=False),
        PairedOutcome(5, 8, treated_first=False),
    ]
    treatment, period = hills_armitage(outcomes), period_effect(outcomes)
    assert treatment.value == 3.5
    assert period.value == -1.5
    assert treatment.standard_error == period.standard_error == pytest.approx(2**0.5 / 2)
    # t(0.975, 2) = 4.3027
    assert treatment.upper - treatment.value == pytest.approx(4.302653 * 2**0.5 / 2, rel=1e-6)
    assert paired_t(outcomes).value == 3.5


@given(shift=st.floats(-1000, 1000))
def test_a_period_effect_does_not_move_the_treatment_difference(shift: float) -> None:
    moved = [PairedOutcome(row.period_1, row.period_2 + shift, treated_first=row.treated_first) for row in ASTHMA]
    assert hills_armitage(moved).value == pytest.approx(hills_armitage(ASTHMA).value, abs=1e-9)
    assert hills_armitage(moved).standard_error == pytest.approx(hills_armitage(ASTHMA).standard_error)
    assert period_effect(moved).value == pytest.approx(period_effect(ASTHMA).value + shift, abs=1e-9)


def test_exchanging_the_treatments_turns_the_sign() -> None:
    turned = [PairedOutcome(row.period_1, row.period_2, treated_first=not row.treated_first) for row in ASTHMA]
    for estimator in (paired_t, hills_armitage):
        one, other = estimator(ASTHMA), estimator(turned)
        assert (other.value, other.lower, other.upper) == pytest.approx((-one.value, -one.upper, -one.lower))


def test_confidence_widens_the_interval() -> None:
    assert hills_armitage(ASTHMA, confidence=0.99).lower < hills_armitage(ASTHMA).lower


@pytest.mark.parametrize(("difference", "p_value"), [(0.0, 1.0), (2.0, 0.0)])
def test_no_variation_gives_a_degenerate_interval(difference: float, p_value: float) -> None:
    estimate = paired_t([PairedOutcome(5 + difference, 5, treated_first=True)] * 3)
    assert (estimate.lower, estimate.value, estimate.upper) == (difference,) * 3
    assert estimate.p_value == p_value


def test_subgroups_in_order_of_appearance() -> None:
    rows = [("women", row) for row in ASTHMA] + [("men", ASTHMA[0]), ("men", ASTHMA[1]), ("men", ASTHMA[2])]
    estimates = by_subgroup(rows)
    assert list(estimates) == ["women", "men"]
    assert estimates["women"] == hills_armitage(ASTHMA)
    assert estimates["men"] is None


def test_change_is_after_minus_before() -> None:
    assert change(30, 16) == -14


def test_too_few_participants_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two participants"):
        paired_t(ASTHMA[:1])
    with pytest.raises(ValueError, match="both sequences"):
        hills_armitage(ASTHMA[:7])
    with pytest.raises(ValueError, match="three participants or more"):
        period_effect([ASTHMA[0], ASTHMA[-1]])
