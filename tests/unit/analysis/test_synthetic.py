"""The synthetic study: reproducible, untouched by other people's sequences, and of the intended size."""

from dataclasses import replace

import numpy as np
import pytest

from studyportal.reports.analysis.synthetic import (
    NALTREXONE_FIRST,
    PLACEBO_FIRST,
    GlxParameters,
    Guess,
    MadrsParameters,
    PeopleParameters,
    Pretreatment,
    SafetyParameters,
    Sex,
    SyntheticParameters,
    draw_orders,
    draw_participants,
    simulate_study,
    split_total,
)

PARAMETERS = SyntheticParameters()


@pytest.fixture(scope="module")
def sessions_of_200_studies():
    return [session for seed in range(200) for session in simulate_study(PARAMETERS, seed=seed).sessions]


def test_the_same_seed_gives_the_same_study() -> None:
    assert simulate_study(PARAMETERS, seed=7) == simulate_study(PARAMETERS, seed=7)
    assert simulate_study(PARAMETERS, seed=7) != simulate_study(PARAMETERS, seed=8)


def test_people_are_drawn_before_and_without_allocation() -> None:
    people = draw_participants(PARAMETERS, seed=3)
    assert simulate_study(PARAMETERS, seed=3, sequences_by_participant={}).participants == people
    assert [person.position for person in people] == list(range(1, 27))
    assert sum(person.sex is Sex.MALE for person in people) == 13
    assert all(18 <= person.age <= 50 and 14 <= person.interval_days <= 35 for person in people)
    assert people[0].session_days[0] == 0
    first_days = [person.session_days[0] for person in people]
    assert first_days == sorted(first_days)


def test_own_allocation_is_balanced_over_all_and_within_sex() -> None:
    people = draw_participants(PARAMETERS, seed=11)
    orders = draw_orders(people, seed=11)
    women = [orders[person.position] for person in people if person.sex is Sex.FEMALE]
    assert list(orders.values()).count(PLACEBO_FIRST) == 13
    assert women.count(PLACEBO_FIRST) in {6, 7}


def test_nobody_depends_on_another_ones_sequence() -> None:
    orders = dict.fromkeys(range(1, 27), PLACEBO_FIRST)
    base = simulate_study(PARAMETERS, seed=5, sequences_by_participant=orders)
    swapped = simulate_study(PARAMETERS, seed=5, sequences_by_participant=orders | {9: NALTREXONE_FIRST})
    changed = [
        one.participant.position for one, other in zip(base.sessions, swapped.sessions, strict=True) if one != other
    ]
    assert changed == [9, 9]


def test_the_own_sequence_moves_only_what_the_pretreatment_does() -> None:
    placebo, naltrexone = (
        simulate_study(PARAMETERS, seed=5, sequences_by_participant={4: order}).sessions[0]
        for order in (PLACEBO_FIRST, NALTREXONE_FIRST)
    )
    assert placebo.madrs_before == naltrexone.madrs_before
    assert placebo.vital_signs == naltrexone.vital_signs
    assert placebo.cadss_peak == naltrexone.cadss_peak
    assert placebo.glx[0] == naltrexone.glx[0]
    attenuation = PARAMETERS.glx.attenuation[placebo.participant.sex]
    assert np.allclose(
        np.array(placebo.glx) - np.array(naltrexone.glx), attenuation * np.array(PARAMETERS.glx.block_profile)
    )


def test_a_sequence_for_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no participant 27; the study has 26"):
        simulate_study(PARAMETERS, seed=1, sequences_by_participant={27: PLACEBO_FIRST})


def test_effects_have_the_intended_size(sessions_of_200_studies) -> None:
    # Acceptance bands of the design. Over 200 studies the standard error is about 0.1 points and 0.7 percentage points.
    expected = {Pretreatment.PLACEBO: (-13.8, 0.51), Pretreatment.NALTREXONE: (-10.0, 0.30)}
    for pretreatment, (change, responders) in expected.items():
        rows = [session for session in sessions_of_200_studies if session.pretreatment is pretreatment]
        responses = [-2 * row.madrs_change >= row.madrs_before.total for row in rows]
        assert len(rows) == 5200
        assert np.mean([row.madrs_change for row in rows]) == pytest.approx(change, abs=0.25)
        assert np.mean(responses) == pytest.approx(responders, abs=0.02)


def test_scores_stay_on_their_scales(sessions_of_200_studies) -> None:
    for session in sessions_of_200_studies:
        for rating in (session.madrs_before, session.madrs_after):
            assert len(rating.items) == 10
            assert all(0 <= item <= 6 for item in rating.items)
        assert 0 <= session.second_rater_after <= 60
        assert 0 <= session.qids_before <= 27
        assert 0 <= session.qids_after <= 27
        assert 0 <= session.cadss_peak <= 92
        assert len(session.glx) == len(session.glx_truth) == 6


def test_events_and_guesses_have_their_probabilities(sessions_of_200_studies) -> None:
    naltrexone = [row for row in sessions_of_200_studies if row.pretreatment is Pretreatment.NALTREXONE]
    placebo = [row for row in sessions_of_200_studies if row.pretreatment is Pretreatment.PLACEBO]
    assert np.mean(["Nausea" in row.adverse_events for row in naltrexone]) == pytest.approx(0.40, abs=0.05)
    assert np.mean(["Nausea" in row.adverse_events for row in placebo]) == pytest.approx(0.25, abs=0.05)
    guesses = [row.guess for row in sessions_of_200_studies]
    right = [row.guess.value == row.pretreatment.value for row in sessions_of_200_studies]
    assert np.mean(right) == pytest.approx(0.60, abs=0.04)
    assert guesses.count(Guess.UNSURE) / len(guesses) == pytest.approx(0.20, abs=0.03)


def test_vital_signs_peak_at_forty_minutes(sessions_of_200_studies) -> None:
    systolic = np.array([[sign.systolic for sign in row.vital_signs] for row in sessions_of_200_studies])
    rise = systolic.mean(axis=0) - systolic[:, 0].mean()
    assert [sign.minute for sign in sessions_of_200_studies[0].vital_signs] == [0, 20, 40, 60, 80]
    assert rise.argmax() == 2
    assert rise[2] == pytest.approx(18, abs=0.7)


@pytest.mark.parametrize("total", [0, 1, 29, 59, 60])
def test_items_sum_to_the_total(total: int) -> None:
    rating = split_total(total, np.random.default_rng(1), PARAMETERS.madrs)
    assert rating.total == total
    assert max(rating.items) <= 6


@pytest.mark.parametrize("total", [-1, 61])
def test_a_total_off_the_scale_is_refused(total: int) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 60, not {total}"):
        split_total(total, np.random.default_rng(1), PARAMETERS.madrs)


def test_items_follow_their_weights() -> None:
    generator = np.random.default_rng(2)
    items = np.array([split_total(29, generator, PARAMETERS.madrs).items for _ in range(300)])
    assert np.allclose(items.mean(axis=0), PARAMETERS.madrs.item_weights, atol=0.35)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"people": PeopleParameters(women=1, men=0)}, "two participants"),
        ({"people": PeopleParameters(women=-1, men=5)}, "two participants"),
        ({"madrs": MadrsParameters(item_weights=(1.0,) * 9)}, "ten positive item weights"),
        ({"madrs": MadrsParameters(item_weights=(1.0,) * 9 + (0.0,))}, "ten positive item weights"),
        ({"safety": SafetyParameters(vitals_minutes=(0,))}, "one share of the peak rise"),
        ({"safety": SafetyParameters(cadss_within_correlation=1.1)}, "a correlation lies"),
        ({"glx": GlxParameters(response_correlation=-1.5)}, "a correlation lies"),
        ({"guess_right": 0.9}, "cannot pass 1"),
    ],
)
def test_contradicting_assumptions_are_refused(part: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PARAMETERS, **part)  # type: ignore[arg-type]
