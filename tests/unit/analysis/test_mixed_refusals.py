"""What cannot be fitted is refused with a sentence that names the column and says what to do."""

import pytest

from studyportal.reports.analysis.mixed import ModelError, fit, from_values, marginal_means, parse_csv, read_csv

GOOD = {
    "id": ["P1", "P1", "P2", "P2", "P3", "P3", "P4", "P4"],
    "treatment": ["A", "B", "B", "A", "A", "B", "B", "A"],
    "period": [1, 2] * 4,
    "y": [1.0, 2.5, 2.0, 0.5, 3.0, 4.0, 5.5, 3.5],
}


def refused(formula="y ~ treatment + period + (1|id)", *, change=None, **how) -> str:
    with pytest.raises(ModelError) as refusal:
        fit(from_values(GOOD | (change or {})), formula, **how)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("y", "A formula has the outcome, a tilde and the terms"),
        ("~ treatment + (1|id)", "A formula has the outcome"),
        ("y ~ treatment + (1|id", "a parenthesis is not closed"),
        ("y ~ treatment +", "the end where a column was expected"),
        ("y ~ treatment + (1|id) extra", "cannot be read from “extra” on"),
        ("y ~ treatment + $ + (1|id)", "put names with other signs between backticks"),
        ("y ~ treatment + (period|id)", "Random slopes are not supported"),
        ("y ~ treatment + (0 + period|id)", "Random slopes are not supported"),
        ("y ~ treatment + (1|id + period)", "“id + period” is no grouping factor"),
        ("y ~ treatment + 1|id", "A random term stands in parentheses"),
        ("y ~ treatment - (1|id)", "A random term cannot be taken away"),
        ("y ~ treatment + (1|id) + (1|id)", "(1|id) stands in the formula twice"),
        ("y ~ treatment^9 + (1|id)", "a whole number from 1 to 5"),
        ("y ~ 2*treatment + (1|id)", "“2” is no term of a model"),
        ("y ~ -treatment*period + (1|id)", "is no term of a model"),
        ("y ~ y + treatment + (1|id)", "The outcome “y” cannot be among the terms"),
        ("y ~ treatment + age + (1|id)", "There is no column “age” in the table; its columns are id, treatment"),
        ("y ~ treatment + system(1) + (1|id)", "“system(1)” cannot be computed"),
        ("y ~ treatment + log(period, 2) + (1|id)", "“log(period, 2)” cannot be computed"),
        ("treatment ~ period + (1|id)", "The column “treatment” holds text, such as “A”, where the outcome needs"),
        ("log(y - 0.5) ~ treatment + (1|id)", "“log(y - 0.5)” has no finite value in 1 of 8 rows"),
        ("y ~ factor(treatment, id) + (1|id)", "it takes the name of one column"),
        ("y ~ factor(treatment) + factor(log(y)) + (1|id)", "it takes the name of one column"),
        ("1 ~ 1", "The formula names no column"),
        ("y ~ 0 + (1|id)", "no fixed term and no intercept"),
        ("y ~ treatment + id + (1|id)", "already tell the levels of “id” apart"),
        ("y ~ treatment + (1|id:period)", "one row in each of its levels, so it cannot be told from the residual"),
        ("y ~ id*treatment", "8 rows are too few for 8 fixed coefficients and a residual"),
        ("y ~ " + "(" * 60 + "treatment" + ")" * 60, "too many parentheses"),
        ("y ~ " + " + ".join(f"a{n}" for n in range(1000)), "longer than 4,000 characters"),
        ("y ~ (" + " + ".join(f"a{n}" for n in range(30)) + ")^2", "more than 200 terms"),
        ("y ~ " + " + ".join(f"a{n}" for n in range(250)), "more than 200 terms"),
        ("y ~ (+ treatment)*absent + (1|id)", "There is no column “absent”"),
    ],
)
def test_of_a_formula(formula, sentence) -> None:
    assert sentence in refused(formula)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"y": [7.0] * 8}, "“y” has the same value in every row"),
        ({"treatment": ["A"] * 8}, "“treatment” has one level in the rows that are used (A)"),
        ({"id": ["P1"] * 8}, "(1|id) needs two levels or more"),
        ({"id": [f"P{n}" for n in range(8)]}, "(1|id) has one row in each of its levels"),
        ({"y": [None] * 8}, "the column “y” is empty"),
        ({"y": [1.0] + [None] * 7, "period": [None] + [1] * 7}, "every row lacks a value in one of its columns"),
        ({"y": [1, 2, 2, 1, 1, 2, 2, 1]}, "The fixed terms reproduce “y” exactly"),
        ({"y": [1.0, 2.0, 4.0, 3.0, 7.0, 8.0, 9.0, 8.0]}, "no residual"),
        ({"y": [1.0, 2.5, float("inf"), 0.5, 3.0, 4.0, 5.5, 3.5]}, "The column “y” holds an infinite value"),
        ({"y": [1.0, 2.0]}, "different numbers of rows"),
    ],
)
def test_of_a_table(change, sentence) -> None:
    assert sentence in refused(change=change)


def test_of_random_terms_that_say_the_same() -> None:
    change = {"person": [name.lower() for name in GOOD["id"]]}
    assert "(1|id) and (1|person) group the rows alike" in refused("y ~ treatment + (1|id) + (1|person)", change=change)
    crossed = {"half": ["u", "v", "v", "u", "u", "v", "v", "u"]}
    assert "already tell the levels of “half” apart" in refused("y ~ treatment + (1|id) + (1|half)", change=crossed)
    # Two directions are left by the fixed terms, one for each random term: none for the residual alone.
    square = {"a": list("uuvv"), "b": list("xyxy"), "c": list("pqqp"), "z": [1.0, 2.0, 4.0, 9.0]}
    with pytest.raises(ModelError, match="and the residual cannot be told apart in these rows"):
        fit(from_values(square), "z ~ c + (1|a) + (1|b)")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"method": "wald"}, "There is no method “wald”; there are kenward-roger and satterthwaite"),
        ({"coding": "helmert"}, "There is no coding “helmert”"),
        ({"confidence": 95}, "The confidence lies between 0 and 1"),
        ({"restricted": False}, "Kenward-Roger is defined for REML"),
    ],
)
def test_of_an_option(how, sentence) -> None:
    assert sentence in refused(**how)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "The file holds no table"),
        (b"a,b\n", "The file holds no table"),
        (b"a,b\n1,2\n3\n", "Row 3 has 1 cells, the heading 2"),
        (b"a,a\n1,2\n", "Two columns are named “a”"),
        (b"a,b\n1,\0\n", "The file is no text"),
        (b'a,b\n"' + b"x" * 200_000 + b'",2\n', "The file cannot be read as CSV: field larger than field limit"),
    ],
)
def test_of_a_file(raw, sentence) -> None:
    with pytest.raises(ModelError, match=sentence.replace("(", r"\(")):
        parse_csv(raw)


def test_of_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(ModelError, match="cannot be opened: no such file or directory"):
        read_csv(tmp_path / "none.csv")


def test_of_a_file_that_is_too_large(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("studyportal.reports.analysis.mixed.table.LARGEST_BYTES", 3)
    (tmp_path / "large.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ModelError, match="larger than 200 MB"):
        read_csv(tmp_path / "large.csv")


@pytest.mark.parametrize(
    ("factor", "at", "sentence"),
    [
        ("period", {}, "“period” is no factor of the fixed terms; there are treatment"),
        ("dose", {}, "“dose” is no factor"),
        ("treatment", {"treatment": "C"}, "“treatment” has no level “C”; there are A, B"),
    ],
)
def test_of_marginal_means(factor, at, sentence) -> None:
    found = fit(from_values(GOOD), "y ~ treatment + period + (1|id)")
    with pytest.raises(ModelError, match=sentence):
        marginal_means(found, factor, at=at)
