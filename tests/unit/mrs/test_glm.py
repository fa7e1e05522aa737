"""The general linear model: estimates and limits against known truth and textbook values."""

import numpy as np
import pytest

from sessions.mrs.errors import MrsError
from sessions.mrs.glm import Event, contrast_weights, event_regressors, make_design, regress

STARTS = np.arange(40) * 4.0


def test_a_boxcar_is_the_share_of_a_transient_that_an_event_covers() -> None:
    found = event_regressors([Event(8, 8, "a"), Event(18, 4, "a"), Event(-100, 4, "b")], STARTS, 4.0, "boxcar")
    assert found["a"][:7] == pytest.approx([0, 0, 1, 1, 0.5, 0.5, 0])
    assert found["b"] == pytest.approx(np.zeros(40))


def test_the_haemodynamic_response_rises_late_to_one_and_undershoots() -> None:
    found = event_regressors([Event(20, 60, "a")], STARTS, 4.0, "hrf")["a"]
    assert found[:5] == pytest.approx(np.zeros(5), abs=1e-6)
    assert found[5] < 0.2
    assert found[18] == pytest.approx(1, abs=0.02)
    assert found[20:26].min() < -0.05
    assert found[34:] == pytest.approx(np.zeros(6), abs=1e-3)


def test_an_event_without_duration_is_one_moment() -> None:
    found = event_regressors([Event(8, 0, "a")], STARTS, 4.0, "boxcar")["a"]
    assert found[2] == pytest.approx(0.1 / 4)


def test_estimates_and_limits_are_those_of_ordinary_least_squares() -> None:
    # Worked by hand: a two-sample t test with 4 and 4 values.
    effect = np.array([0, 0, 0, 0, 1, 1, 1, 1.0])
    values = np.array([1, 2, 3, 2, 4, 5, 6, 5.0])
    design = make_design({"on": effect}, {}, 0, 8)
    found = regress(design, values, np.ones(8, dtype=bool))
    on = found.effect(np.array([1.0, 0.0]))
    assert design.names == ("on", "baseline")
    assert found.degrees_of_freedom == 6
    assert on.estimate == pytest.approx(3)
    # Pooled variance 4/6, standard error sqrt(4/6 * 2/4), t = 3 / 0.57735 = 5.19615, P = 0.002022.
    assert on.se == pytest.approx(0.57735, abs=1e-5)
    assert (on.low, on.high) == pytest.approx((3 - 2.446912 * 0.57735, 3 + 2.446912 * 0.57735), abs=1e-4)
    assert on.p == pytest.approx(0.0020, abs=1e-4)


def test_left_out_transients_have_no_say() -> None:
    effect = np.tile([0.0, 1.0], 10)
    values = 2 + 0.5 * effect
    values[7] = 1e6
    kept = np.arange(20) != 7
    found = regress(make_design({"on": effect}, {}, 1, 20), values, kept)
    assert found.estimates == pytest.approx([0.5, 0, 2], abs=1e-9)
    assert found.degrees_of_freedom == 16
    assert found.effect(np.array([0, 0, 0.0])).se == 0


def test_limits_hold_under_correlated_noise() -> None:
    generator = np.random.default_rng(0)
    effect = (np.arange(120) // 20 % 2).astype(float)
    design = make_design({"on": effect}, {}, 1, 120)
    inside = []
    for _ in range(200):
        noise = np.zeros(120)
        for step in range(1, 120):
            noise[step] = 0.5 * noise[step - 1] + generator.normal()
        found = regress(design, 10 + noise, np.ones(120, dtype=bool))
        on = found.effect(np.array([1.0, 0, 0]))
        inside.append(on.low <= 0 <= on.high)
    assert 0.88 <= np.mean(inside) <= 0.99


def test_nuisances_are_centred_and_the_baseline_keeps_its_meaning() -> None:
    width = np.linspace(5, 6, 30)
    values = 3 + 2 * (width - width.mean())
    found = regress(make_design({}, {"linewidth": width}, 0, 30), values, np.ones(30, dtype=bool))
    assert found.estimates == pytest.approx([2, 3])


def test_contrasts_are_read_with_any_names() -> None:
    design = make_design({"pre-heat": np.eye(9)[0], "heat": np.eye(9)[3], "a b": np.eye(9)[5]}, {}, 0, 9)
    assert list(contrast_weights("heat - pre-heat", design)) == [-1, 1, 0, 0]
    assert list(contrast_weights("0.5*heat + 0.5 * a b-pre-heat", design)) == [-1, 0.5, 0.5, 0]
    assert list(contrast_weights("-heat", design)) == [0, -1, 0, 0]
    for wrong in ("rest", "heat pre-heat", "heat -", "", "2*", "heat - heat", "heat*2"):
        with pytest.raises(MrsError) as refusal:
            contrast_weights(wrong, design)
        assert refusal.value.code == "contrast-invalid"


def test_a_design_that_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(MrsError, match="cannot be told apart"):
        make_design({"a": np.ones(20)}, {}, 0, 20)
    with pytest.raises(MrsError, match="more kinds of events"):
        make_design({str(index): np.eye(9)[index] for index in range(7)}, {}, 1, 9)
