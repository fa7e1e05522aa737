"""The demo's calendar and what counts as a typical study."""

import datetime
from collections import Counter

from studyportal.demo import vault
from studyportal.demo.outcomes import Outcome
from studyportal.demo.plan import Stop, make_plans
from studyportal.reports.analysis.synthetic import SyntheticParameters, simulate_study

TODAY = datetime.date(2026, 11, 25)


def test_twenty_six_complete_the_full_demo_and_ten_are_on_their_way() -> None:
    plans = make_plans("full", today=TODAY)
    completed = [plan for plan in plans if plan.second_on <= TODAY - datetime.timedelta(days=7) and plan.stop is None]
    assert (len(plans), len(completed)) == (36, 26)
    assert Counter(plan.sex for plan in completed) == {"F": 13, "M": 13}
    assert Counter(plan.site for plan in completed) == {"01": 13, "02": 13}
    assert {plan.stop for plan in plans} == {None, *Stop}


def test_somebody_comes_today_and_nobody_inside_the_washout() -> None:
    plans = make_plans("full", today=TODAY)
    assert TODAY in {plan.first_on for plan in plans} & {plan.second_on for plan in plans}
    assert min((plan.second_on - plan.first_on).days for plan in plans) >= 14


def test_the_calendar_is_the_same_every_day_of_making() -> None:
    later = TODAY + datetime.timedelta(days=100)
    one, other = make_plans("full", today=TODAY), make_plans("full", today=later)
    assert [p.person for p in one] == [p.person for p in other]
    assert {b.first_on - a.first_on for a, b in zip(one, other, strict=True)} == {datetime.timedelta(days=100)}


def test_late_interviews_are_few() -> None:
    assert sum(len(plan.late_ratings) for plan in make_plans("full", today=TODAY)) == 5


def test_positions_are_unique() -> None:
    positions = [plan.person.position for plan in make_plans("full", today=TODAY)]
    assert sorted(positions) == list(range(1, 37))


def test_an_outcome_survives_the_pipe() -> None:
    outcome = Outcome(2, (1, 2), (0, 1), ("Nausea",), (1.25, 1.3))
    assert Outcome.from_document(outcome.as_document()) == outcome


def test_small_studies_are_typical_whatever_they_show() -> None:
    assert vault.is_typical([])


def test_typical_studies_are_common_enough_to_be_found_and_rare_enough_to_be_chosen() -> None:
    found = [vault.is_typical(list(simulate_study(SyntheticParameters(), seed=seed).sessions)) for seed in range(40)]
    assert 4 <= sum(found) <= 24
