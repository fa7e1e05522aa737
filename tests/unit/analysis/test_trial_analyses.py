"""Analyses A1 to A6: exact on small data, as published on published data."""

import json
from itertools import combinations, product
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, pearsonr, wilcoxon

from studyportal.reports.analysis.mixed import ModelError
from studyportal.reports.analysis.synthetic import SyntheticParameters, simulate_study
from studyportal.reports.analysis.trial import (
    CourseRow,
    Label,
    ScoreRow,
    by_sex,
    change_score,
    course,
    course_summary,
    long_scores,
    panel,
    summarise,
)
from studyportal.reports.analysis.trial.panel import rank_sum, signed_rank

DATA = Path(__file__).resolve().parents[3] / "benchmarks" / "mixed_models" / "published.json"


@pytest.fixture(scope="module")
def pef() -> list[ScoreRow]:
    """Formoterol and salbutamol (Senn): the outcome stands as the score after, nothing before."""
    columns = next(row for row in json.loads(DATA.read_text()) if row["name"].startswith("PEF"))["columns"]
    names = ("id", "sequence", "period", "treatment")
    return [
        ScoreRow(*(columns[name][at] for name in names), before=0, after=columns["pef"][at], sex="MF"[at // 2 % 2])
        for at in range(len(columns["pef"]))
    ]


def score_rows(study) -> list[ScoreRow]:
    orders = {one.participant.position: one.pretreatment for one in study.sessions if one.period == 1}
    return [
        ScoreRow(
            f"P{one.participant.position:02}", orders[one.participant.position], one.period, str(one.pretreatment),
            one.madrs_before.total, one.madrs_after.total, str(one.participant.sex),
        )
        for one in study.sessions
    ]  # fmt: skip


def course_rows(study) -> list[CourseRow]:
    return [
        CourseRow(f"P{one.participant.position:02}", "", one.period, str(one.pretreatment), block, value)
        for one in study.sessions
        for block, value in enumerate(one.glx)
    ]


def test_a1_is_the_published_analysis(pef) -> None:
    """Senn 2002: 46.6 l/min, SE 10.8, 95 % interval 22.9 to 70.3, P = 0.0012 on 11."""
    found = change_score(pef, reference="sal")
    (effect,) = found.effects
    assert (found.key, found.label, found.term, effect.name) == ("A1", Label.DEFAULT, "treatment", "for - sal")
    assert [round(one, 1) for one in (effect.estimate, effect.se, effect.low, effect.high)] == [46.6, 10.8, 22.9, 70.3]
    assert (round(effect.p, 4), round(effect.df, 6)) == (0.0012, 11)
    assert change_score(pef, reference="for").effects[0].estimate == pytest.approx(-effect.estimate)


def test_a2_has_the_published_degrees_of_freedom() -> None:
    """104 rows of 26 participants: F on 1 and 74, as the paper reports, with both methods."""
    rows = score_rows(simulate_study(SyntheticParameters(), seed=11))
    for method in ("satterthwaite", "kenward-roger"):
        found = long_scores(rows, reference="placebo", method=method)
        test = next(one for one in found.fit.terms if one.term == found.term)
        assert (found.fit.rows, test.df1, round(test.df2, 6)) == (104, 1, 74)
        before, after = found.effects
        means = {
            (treatment, when): fmean(getattr(row, when) for row in rows if row.treatment == treatment)
            for treatment in ("placebo", "naltrexone") for when in ("before", "after")
        }  # fmt: skip
        for effect, when in ((before, "before"), (after, "after")):
            assert effect.name == "naltrexone - placebo"
            assert effect.estimate == pytest.approx(means["naltrexone", when] - means["placebo", when])
        assert found.label is Label.AS_PUBLISHED


def test_a3_gives_each_sex_its_effect(pef) -> None:
    found = by_sex(pef, reference="sal")
    assert found.label is Label.EXPLORATORY
    assert len(found.effects) == 2
    test = next(one for one in found.fit.terms if one.term == "treatment:sex")
    # n - 3: two sequences and one more slope.
    assert (test.df1, round(test.df2, 6)) == (1, 10)
    women, men = found.effects
    interaction = next(one for one in found.fit.coefficients if one.name == "treatmentsal:sexM")
    assert women.estimate - men.estimate == pytest.approx(interaction.estimate)


def test_a4_with_and_without_the_session() -> None:
    rows = course_rows(simulate_study(SyntheticParameters(), seed=5))
    default, published = (course(rows, reference="placebo", with_session=one) for one in (True, False))
    assert (default.label, published.label) == (Label.DEFAULT, Label.AS_PUBLISHED)
    assert [one.group for one in default.fit.variance] == ["participant", "participant:session", "Residual"]
    degrees = [next(t.df2 for t in one.fit.terms if t.term == "treatment") for one in (default, published)]
    # The session-level contrast has the degrees of freedom of sessions: n - 2; blocks would give 274.
    assert degrees == [pytest.approx(24, abs=1e-6), pytest.approx(274, abs=1e-6)]
    means = [fmean(row.value for row in rows if row.treatment == one) for one in ("naltrexone", "placebo")]
    for found in (default, published):
        assert found.effects[0].estimate == pytest.approx(means[0] - means[1])


def test_a5_summaries() -> None:
    def rows(values, person="P1", period=1):
        return [CourseRow(person, "AB", period, "A", block, value) for block, value in enumerate(values)]

    key = ("P1", "AB", 1, "A")
    assert summarise(rows([1.0, 2.0, 4.0])) == [ScoreRow(*key, before=1.0, after=3.0)]
    # Trapezes of 1.5 x 1 and 3 x 3 minutes over 4 minutes.
    assert summarise(rows([1.0, 2.0, 4.0]), summary="area", minutes={0: 0, 1: 1, 2: 4})[0].after == pytest.approx(2.625)
    assert summarise(rows([1.0, 2.0, 4.0]), summary="area")[0].after == pytest.approx(2.25)
    assert summarise(rows([None, 2.0, 4.0])) == [ScoreRow(*key, before=None, after=3.0)]
    assert summarise(rows([1.0, None, 4.0]))[0].after == 4.0
    assert summarise(rows([1.0, None, 4.0]), summary="area")[0].after is None
    assert summarise(rows([1.0, None, None]))[0].after is None
    assert summarise(rows([1.0]), summary="area")[0].after is None


def test_a5_is_a1_of_the_summaries() -> None:
    rows = course_rows(simulate_study(SyntheticParameters(), seed=5))
    found = course_summary(rows, reference="placebo")
    one = change_score(summarise(rows), reference="placebo")
    assert (found.key, found.effects) == ("A5", one.effects)
    assert found.effects[0].df == pytest.approx(24)
    area = course_summary(rows, reference="placebo", summary="area", minutes={block: 8.0 * block for block in range(6)})
    assert area.effects[0].estimate != found.effects[0].estimate


def test_a6_of_formoterol_and_salbutamol(pef) -> None:
    found = panel(pef, reference="sal")
    assert (round(found.paired.value, 1), round(found.paired.standard_error, 1)) == (45.4, 11.3)
    assert (round(found.treatment.value, 1), found.treatment.degrees_of_freedom) == (46.6, 11)
    assert found.period.value == pytest.approx(15.8929, abs=1e-4)
    one = [row.after for row in pef if row.treatment == "for"]
    other = [row.after for row in pef if row.treatment == "sal"]
    by_person = {row.participant: {} for row in pef}
    for row in pef:
        by_person[row.participant][row.treatment] = row.after
    pairs = [(values["for"], values["sal"]) for values in by_person.values()]
    assert found.correlation == pytest.approx(pearsonr(*zip(*pairs, strict=True)).statistic)
    assert (len(one), len(other), found.incomplete) == (13, 13, 0)
    assert (found.koch_treatment.n, found.koch_treatment.is_exact, found.signed_rank.n) == (13, True, 13)
    first = [40, 50, 70, 20, 40, 30, -35]
    second = [-15, -90, -30, -30, -80, -130]
    assert found.koch_treatment == rank_sum(first, second)
    assert found.koch_period == rank_sum(first, [-value for value in second])


def test_a6_leaves_out_who_misses_a_period(pef) -> None:
    gone = [row for row in pef if (row.participant, row.period) != ("P01", 2)]
    assert panel(gone, reference="sal").incomplete == 1
    blank = [ScoreRow(**{**vars_of(row), "after": None}) if row.participant == "P04" else row for row in pef]
    assert panel(blank, reference="sal").incomplete == 1


def vars_of(row: ScoreRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__slots__}


def test_a6_refusals(pef) -> None:
    with pytest.raises(ModelError, match="Participant P01 has a row too many in period 1"):
        panel([*pef, pef[0]], reference="sal")
    with pytest.raises(ModelError, match="three complete participants or more, and both sequences"):
        panel([row for row in pef if row.sequence == "for/sal"], reference="sal")
    with pytest.raises(ModelError, match="one of them “placebo”; the rows have for, sal"):
        panel(pef, reference="placebo")


@pytest.mark.parametrize("seed", range(4))
def test_rank_tests_are_scipys_where_nothing_ties(seed) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(0.4, 1, 6).tolist(), rng.normal(0, 1, 8).tolist()
    assert rank_sum(one, other).p_value == pytest.approx(mannwhitneyu(one, other, method="exact").pvalue)
    assert signed_rank(one + other).p_value == pytest.approx(wilcoxon(one + other, method="exact").pvalue)
    many = rng.normal(0.1, 1, 60).tolist()
    large = rank_sum(many[:25], many[25:])
    approximate = mannwhitneyu(many[:25], many[25:], method="asymptotic", use_continuity=False).pvalue
    assert (large.is_exact, large.p_value) == (False, pytest.approx(approximate))
    assert signed_rank(many).p_value == pytest.approx(wilcoxon(many, method="asymptotic").pvalue)


def test_rank_tests_count_ties_exactly() -> None:
    one, other = [1.0, 2.0, 2.0], [2.0, 3.0, 5.0, 5.0]
    ranks = [1, 3, 3, 3, 5, 6.5, 6.5]
    sums = [sum(chosen) for chosen in combinations(ranks, 3)]
    p = fmean(abs(total - 12) >= abs(7 - 12) for total in sums)
    assert rank_sum(one, other).statistic == 7
    assert rank_sum(one, other).p_value == pytest.approx(p)
    differences = [0.0, 1.0, 1.0, -1.0, 3.0]
    own = [2, 2, 2, 4]
    signs = [sum(rank for rank, sign in zip(own, chosen, strict=True) if sign) for chosen in product((0, 1), repeat=4)]
    found = signed_rank(differences)
    assert (found.statistic, found.n) == (8, 4)
    assert found.p_value == pytest.approx(fmean(abs(total - 5) >= 3 for total in signs))
    assert signed_rank([0.0, 0.0]).p_value == 1.0
    assert rank_sum([1.0] * 30, [1.0] * 30).p_value == 1.0
