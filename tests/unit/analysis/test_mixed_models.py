"""What a mixed model's fit tells: names, notes, gaps, singular fits and the paired analysis beside them."""

import math

import numpy as np
import pytest

from studyportal.reports.analysis.crossover import PairedOutcome, hills_armitage
from studyportal.reports.analysis.mixed import fit, from_values, marginal_means, parse_csv, read_csv
from studyportal.reports.analysis.mixed.report import as_json, as_text

# Six participants, AB/BA, whose two outcomes scatter as much within as between: the participant variance is zero.
FLAT = {
    "id": [f"P{person}" for person in range(1, 7) for _ in range(2)],
    "sequence": ["AB", "AB", "BA", "BA"] * 3,
    "period": ["1", "2"] * 6,
    "treatment": ["A", "B", "B", "A"] * 3,
    "y": [3.0, 9.0, 8.5, 4.0, 7.0, 5.5, 2.5, 6.0, 6.5, 4.5, 5.0, 8.0],
}


def test_a_singular_fit_says_so_and_gives_the_paired_analysis() -> None:
    found = fit(from_values(FLAT), "y ~ treatment + period + (1|id)")
    assert found.singular
    assert (found.theta, found.variance[0].variance) == ((0.0,), 0.0)
    (note,) = found.notes
    assert note.startswith("Singular fit: the variance between levels of “id” is estimated as zero, so the model")
    paired = found.fixed_participants
    assert paired is not None
    outcomes = [PairedOutcome(FLAT["y"][at], FLAT["y"][at + 1], FLAT["sequence"][at] == "BA") for at in range(0, 12, 2)]
    by_hand = hills_armitage(outcomes)
    assert [one.name for one in paired.coefficients] == ["treatmentB", "period2"]
    treatment = paired.coefficients[0]
    assert treatment.estimate == pytest.approx(by_hand.value)
    assert treatment.se == pytest.approx(by_hand.standard_error)
    assert (treatment.df, treatment.p) == (pytest.approx(4), pytest.approx(by_hand.p_value))
    assert [one.term for one in paired.terms] == ["treatment", "period"]
    # The zero is a component of Kenward and Roger too: the degrees of freedom stay n - 2, not 2n - 3.
    assert found.terms[0].df2 == pytest.approx(4)
    satterthwaite = fit(from_values(FLAT), "y ~ treatment + period + (1|id)", method="satterthwaite")
    assert satterthwaite.terms[0].df2 == pytest.approx(9)


def test_the_paired_analysis_of_a_sequence_is_silent_about_it() -> None:
    found = fit(from_values(FLAT), "y ~ sequence + treatment + period + (1|id)")
    paired = found.fixed_participants
    assert paired is not None
    by_term = {one.term: one for one in paired.terms}
    assert (by_term["sequence"].df1, math.isnan(by_term["sequence"].p)) == (0, True)
    assert "“sequence” cannot be estimated from these rows." in paired.notes


def test_no_paired_analysis_where_it_would_say_nothing() -> None:
    assert fit(from_values(FLAT), "y ~ 0 + treatment + (1|id)").fixed_participants is None
    nested = FLAT | {"id": ["P1", "P1", "P1", "P1"] * 2 + ["P2"] * 4}
    found = fit(from_values(nested), "y ~ treatment + (1|id:sequence)")
    assert (found.singular, found.fixed_participants) == (True, None)


def test_rows_with_gaps_are_dropped_and_counted() -> None:
    columns = FLAT | {"y": [None, *FLAT["y"][1:]], "period": [*FLAT["period"][:-1], None]}
    found = fit(from_values(columns), "y ~ treatment + period + (1|id)")
    assert (found.rows, found.dropped) == (10, 2)
    assert "2 rows were left out, as a value is missing in a column of the formula; 10 were used." in found.notes
    # A gap in a column that the formula does not name costs nothing.
    assert fit(from_values(columns), "y ~ treatment + (1|id)").dropped == 1


def test_coefficients_are_named_as_in_r() -> None:
    columns = FLAT | {"dose": [1.0, 2.0, 3.0] * 4, "age": [30 + (at * 7) % 11 for at in range(12)]}
    found = fit(from_values(columns), "y ~ treatment*age + factor(dose) + (1|id)")
    assert [one.name for one in found.coefficients] == [
        "(Intercept)", "treatmentB", "age", "factor(dose)2", "factor(dose)3", "treatmentB:age",
    ]  # fmt: skip
    assert [one.term for one in found.terms] == ["treatment", "age", "factor(dose)", "treatment:age"]
    summed = fit(from_values(columns), "y ~ treatment*age + factor(dose) + (1|id)", coding="sum")
    assert [one.name for one in summed.coefficients][1:5] == ["treatment1", "age", "factor(dose)1", "factor(dose)2"]
    for one, other in zip(found.terms, summed.terms, strict=True):
        assert (one.F, one.df2) == (pytest.approx(other.F, rel=1e-9), pytest.approx(other.df2, rel=1e-9))


def test_notes_on_columns_that_may_surprise() -> None:
    columns = FLAT | {"block": [1, 2, 3] * 4, "weight": ["70", "71", "72", "> 90"] * 3}
    notes = fit(from_values(columns), "y ~ block + weight + (1|id)").notes
    assert any(
        "“block” is numeric with 3 values and enters as a straight line; write factor(block)" in n for n in notes
    )
    assert "“weight” is a factor of 4 levels, as it holds text such as “> 90”." in notes


def test_a_rank_deficient_design_tells_what_it_leaves_out() -> None:
    columns = FLAT | {"drug": ["active" if one == "B" else "placebo" for one in FLAT["treatment"]]}
    found = fit(from_values(columns), "y ~ treatment + drug + period + (1|id)")
    assert [one.name for one in found.coefficients] == ["(Intercept)", "treatmentB", "period2"]
    assert "The design is rank deficient: left out, as the other columns already say it: drugplacebo." in found.notes
    by_term = {one.term: one for one in found.terms}
    assert (by_term["drug"].df1, math.isnan(by_term["drug"].F)) == (0, True)
    with pytest.raises(ValueError, match="The marginal mean of “active” cannot be estimated"):
        marginal_means(found, "drug")
    document = as_json(found)
    assert {"term": "drug", "F": None, "df1": 0, "df2": None, "p": None} in document["terms"]
    assert any(line.split() == ["drug", "-", "0", "-", "-"] for line in as_text(found).splitlines())


def test_missing_cells_are_told() -> None:
    rng = np.random.default_rng(4)
    columns = {"id": [], "treatment": [], "block": [], "y": []}
    for person in range(12):
        for treatment in "ABC":
            for block in ("b1", "b2"):
                if (treatment, block) != ("C", "b2"):
                    for name, value in zip(columns, (f"P{person}", treatment, block, rng.normal()), strict=True):
                        columns[name].append(value)
    found = fit(from_values(columns), "y ~ treatment*block + (1|id)")
    assert {one.term: one.df1 for one in found.terms} == {"treatment": 2, "block": 1, "treatment:block": 1}
    assert any(note.startswith("“treatment:block” lacks cells") for note in found.notes)
    assert any(note.endswith("already say it: treatmentC:blockb2.") for note in found.notes)


def test_a_model_without_random_terms_is_ordinary_regression() -> None:
    found = fit(from_values(FLAT), "y ~ treatment + period")
    assert [one.group for one in found.variance] == ["Residual"]
    assert {round(one.df2, 9) for one in found.terms} == {9}
    assert as_text(found).startswith("Linear model   y ~ treatment + period\n12 rows; restricted maximum likelihood")


def test_a_strong_participant_effect_keeps_every_digit() -> None:
    """Shifting participants by thousands leaves the comparison within them as it was."""
    shifted = FLAT | {"y": [y + 1e4 * (at // 2) for at, y in enumerate(FLAT["y"])]}
    found = fit(from_values(shifted), "y ~ treatment + period + (1|id)").coefficients[1]
    paired = fit(from_values(FLAT), "y ~ treatment + period + (1|id)").fixed_participants.coefficients[0]
    assert (found.estimate, found.se) == (pytest.approx(paired.estimate, rel=1e-9), pytest.approx(paired.se, rel=1e-6))
    assert found.df == pytest.approx(4, rel=1e-6)


def test_marginal_means_of_a_subgroup_and_their_adjustments() -> None:
    rng = np.random.default_rng(8)
    columns = {
        "id": [f"P{n // 3}" for n in range(36)],
        "sex": ["F" if n // 3 % 2 else "M" for n in range(36)],
        "treatment": list("ABC") * 12,
        "age": [20.0 + n // 3 for n in range(36)],
        "y": rng.normal(size=36),
    }
    found = fit(from_values(columns), "y ~ treatment*sex + age + (1|id)")
    women = marginal_means(found, "treatment", at={"sex": "F"}, adjustment="bonferroni")
    assert [one.name for one in women.pairs] == ["A - B", "A - C", "B - C"]
    for one, adjusted in zip(women.pairs, women.adjusted, strict=True):
        assert adjusted == pytest.approx(min(1.0, 3 * one.p))
    assert marginal_means(found, "treatment", at={"sex": "F"}, adjustment="none").adjusted == pytest.approx(
        [one.p for one in women.pairs]
    )
    both = marginal_means(found, "sex:treatment", adjustment="none")
    assert [one.name for one in both.means] == ["F A", "M A", "F B", "M B", "F C", "M C"]
    means = {one.name: one.estimate for one in both.means}
    assert women.means[0].estimate == pytest.approx(means["F A"])
    assert marginal_means(found, "treatment").means[0].estimate == pytest.approx((means["F A"] + means["M A"]) / 2)
    # Tukey's of two is the t test's own.
    sex = marginal_means(found, "sex")
    assert sex.adjusted[0] == pytest.approx(sex.pairs[0].p)
    tukey = marginal_means(found, "treatment")
    assert all(adjusted > one.p for one, adjusted in zip(tukey.pairs, tukey.adjusted, strict=True))


def test_a_grid_too_large_for_marginal_means_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("studyportal.reports.analysis.mixed.means.LARGEST_GRID", 3)
    found = fit(from_values(FLAT), "y ~ treatment + period + (1|id)")
    with pytest.raises(ValueError, match="The reference grid would have 4 points"):
        marginal_means(found, "treatment")


def test_too_many_columns_are_refused(monkeypatch) -> None:
    monkeypatch.setattr("studyportal.reports.analysis.mixed.design.MOST_COLUMNS", 5)
    for formula, words in (
        ("y ~ sequence + period + sequence:period + treatment:period", "The fixed terms need"),
        ("y ~ id:period", "The term id:period needs"),
    ):
        with pytest.raises(ValueError, match=f"{words} more than 5 columns"):
            fit(from_values(FLAT), formula)


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        (b"a,b\n1,2.5\n NA , 3\n", [2.5, 3.0]),
        (b"\xef\xbb\xbfa;b\r\n1;2,5\r\n2;3\r\n", [2.5, 3.0]),
        (b"a\tb\n1\t2.5\n\n2\t3e0\n", [2.5, 3.0]),
    ],
)
def test_csv_of_several_habits(raw, numbers) -> None:
    table = parse_csv(raw)
    assert list(table) == ["a", "b"]
    assert table["b"].numbers.tolist() == numbers


def test_csv_text_and_gaps() -> None:
    table = parse_csv("id,flag,\u00e9\n1,TRUE,x\n2,NA,\n".encode("cp1252"))
    assert table["id"].texts == ("1", "2")
    assert (table["flag"].numbers, table["flag"].texts) == (None, ("TRUE", None))
    assert table["\u00e9"].texts == ("x", None)


def test_values_in_memory() -> None:
    table = from_values({"flag": [True, False, None], "n": [1, float("nan"), 2.5], "code": ["1", "2", None]})
    assert table["flag"].texts == ("TRUE", "FALSE", None)
    assert table["n"].texts == ("1", None, "2.5")
    assert (table["code"].numbers, table["code"].texts) == (None, ("1", "2", None))


def test_levels_stand_in_the_order_of_their_characters(tmp_path) -> None:
    rows = "".join(f"{person},{level},{value}\n" for person, level, value in zip(
        "uuuvvvwwwxxx", ["b", "B", "a"] * 4, [1, 4, 2, 3, 1, 5, 2, 2, 6, 7, 1, 3], strict=True
    ))  # fmt: skip
    (tmp_path / "levels.csv").write_text("id,level,y\n" + rows)
    found = fit(read_csv(tmp_path / "levels.csv"), "y ~ level + (1|id)")
    assert [one.name for one in found.coefficients] == ["(Intercept)", "levela", "levelb"]


def test_a_paired_analysis_that_cannot_be_is_left_out() -> None:
    """Each participant but one has a single row: fixed levels would leave no residual."""
    columns = {
        "id": ["P1", "P1", "P2", "P3", "P4", "P5", "P6"],
        "treatment": list("ABABABA"),
        "age": [30.0, 31.0, 45.0, 22.0, 28.0, 37.0, 51.0],
        "y": [1.0, 9.0, 4.0, 3.5, 6.0, 2.0, 5.0],
    }
    found = fit(from_values(columns), "y ~ treatment + age + (1|id)")
    assert (found.singular, found.fixed_participants) == (True, None)
    more = {name: [*values, values[0]] for name, values in columns.items()} | {"y": [*columns["y"], 9.5]}
    more["id"][-1] = "P6"
    assert fit(from_values(more), "y ~ treatment + age + (1|id)").fixed_participants is None
    # Enough rows for the levels alone; with four covariates none is left.
    wide = {
        "id": list("aabbccddef"),
        "y": [7.0, 5.0, 4.0, 2.0, 2.0, 0.0, 0.0, 0.0, 1.0, 7.0],
        "p": [3.0, 4.0, 2.0, 3.0, 4.0, 3.0, 3.0, 2.0, 2.0, 4.0],
        "q": [1.0, 4.0, 3.0, 0.0, 1.0, 4.0, 2.0, 0.0, 3.0, 3.0],
        "r": [4.0, 0.0, 0.0, 4.0, 0.0, 2.0, 0.0, 1.0, 2.0, 2.0],
        "s": [2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 2.0, 3.0, 1.0, 3.0],
    }
    found = fit(from_values(wide), "y ~ p + q + r + s + (1|id)")
    assert (found.singular, found.fixed_participants) == (True, None)


def test_expressions_of_columns() -> None:
    """The outcome and covariates may be computed; a sign turns every coefficient."""
    columns = FLAT | {"age": [30.0 + (at * 7) % 11 for at in range(12)]}
    plain = fit(from_values(columns), "y ~ treatment + age + (1|id)")
    turned = fit(from_values(columns), "-(2*y + 1) ~ treatment + I((age - 30)/10) + (1|id)")
    assert turned.coefficients[1].estimate == pytest.approx(-2 * plain.coefficients[1].estimate)
    assert turned.coefficients[2].estimate == pytest.approx(-20 * plain.coefficients[2].estimate)
    means = [marginal_means(one, "treatment").means[0].estimate for one in (plain, turned)]
    assert means[1] == pytest.approx(-2 * means[0] - 1)


def test_small_numbers_and_far_errors_are_shown_with_their_digits() -> None:
    tiny = FLAT | {"y": [y * 1e-12 for y in FLAT["y"]]}
    assert "e-1" in as_text(fit(from_values(tiny), "y ~ treatment + period + (1|id)"))
    apart = FLAT | {"dose": [1e6 * (at % 5) for at in range(12)]}
    page = as_text(fit(from_values(apart), "y ~ treatment + dose + (1|id)"), [])
    assert any(line.split()[0] == "dose" and "e-" in line for line in page.splitlines() if line.strip())
    treatments = FLAT | {"treatment": list("ABCACB" * 2)}
    found = fit(from_values(treatments), "y ~ treatment + (1|id)")
    assert "Differences (p adjusted by Tukey; intervals of each by itself)" in as_text(
        found, [marginal_means(found, "treatment")]
    )
    empty = as_text(fit(from_values(FLAT), "y ~ 1 + (1|id)"))
    assert "Tests of the terms (type III)\n  none\n" in empty


def test_the_search_ends_where_rounding_does(monkeypatch) -> None:
    rng = np.random.default_rng(6)
    columns = {"id": [f"P{at // 3}" for at in range(30)], "x": rng.normal(size=30), "y": rng.normal(size=30)}
    columns["y"] = columns["y"] + np.repeat(rng.normal(0, 1.5, 10), 3)
    usual = fit(from_values(columns), "y ~ x + (1|id)")
    monkeypatch.setattr("studyportal.reports.analysis.mixed.optimum.DECREMENT", -1.0)
    assert fit(from_values(columns), "y ~ x + (1|id)").theta == pytest.approx(usual.theta, rel=1e-6)


def test_what_looks_like_numbers_but_is_text_is_named() -> None:
    with pytest.raises(ValueError, match="The column “y” holds text, such as “1”, where the outcome needs numbers"):
        fit(from_values(FLAT | {"y": [str(at + 1) for at in range(12)]}), "y ~ treatment + (1|id)")


def test_row_names_of_r_are_no_column() -> None:
    table = parse_csv(b'"id","y"\n"1","P1",2\n"2","P2",3\n')
    assert (list(table), table["y"].numbers.tolist()) == (["id", "y"], [2.0, 3.0])


def test_a_column_that_was_meant_is_named() -> None:
    with pytest.raises(ValueError, match=r"its columns are id, sequence, .* Did you mean `treatment`"):
        fit(from_values(FLAT), "y ~ tretment + (1|id)")


def test_a_covariate_before_the_factor_of_a_model_without_intercept() -> None:
    columns = FLAT | {"age": [30.0 + (at * 7) % 11 for at in range(12)]}
    found = fit(from_values(columns), "y ~ 0 + age + treatment + (1|id)")
    assert [one.name for one in found.coefficients] == ["age", "treatmentA", "treatmentB"]
    assert [one.name for one in fit(from_values(columns), "y ~ 0 + age + (1|id)").coefficients] == ["age"]
