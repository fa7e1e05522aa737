"""Published analyses of published data, as printed there."""

import json
from pathlib import Path

import pytest

from studyportal.reports.analysis.crossover import PairedOutcome, hills_armitage
from studyportal.reports.analysis.mixed import fit, from_values, marginal_means

DATA = Path(__file__).resolve().parents[3] / "benchmarks" / "mixed_models" / "published.json"
PUBLISHED = {row["name"]: row for row in json.loads(DATA.read_text())}


def fitted(name: str, **how):
    row = PUBLISHED[name]
    return fit(from_values(row["columns"]), row["formula"], **how)


def numbers(some, digits: int) -> list[float]:
    return [round(one, digits) for one in some]


@pytest.mark.parametrize("method", ["kenward-roger", "satterthwaite"])
def test_formoterol_and_salbutamol(method) -> None:
    """Senn 2002, section 3.6: 46.6 l/min, SE 10.8, t = 4.32 on 11 degrees of freedom."""
    found = fitted("PEF, formoterol and salbutamol", method=method)
    treatment = found.coefficients[1]
    assert treatment.name == "treatmentsal"
    assert (round(treatment.estimate, 1), round(treatment.se, 1), round(treatment.t, 2)) == (-46.6, 10.8, -4.32)
    assert treatment.df == pytest.approx(11, abs=1e-6)
    test = found.terms[0]
    assert (test.F, test.p, test.df1) == (pytest.approx(treatment.t**2), pytest.approx(treatment.p), 1)


def test_formoterol_and_salbutamol_by_hand() -> None:
    """In complete data the mixed model is the analysis of Hills and Armitage."""
    columns = PUBLISHED["PEF, formoterol and salbutamol"]["columns"]
    outcomes = [
        PairedOutcome(columns["pef"][at], columns["pef"][at + 1], columns["sequence"][at] == "sal/for")
        for at in range(0, len(columns["pef"]), 2)
    ]
    by_hand = hills_armitage(outcomes)
    treatment = fitted("PEF, formoterol and salbutamol").coefficients[1]
    assert treatment.estimate == pytest.approx(by_hand.value, rel=1e-10)
    assert treatment.se == pytest.approx(by_hand.standard_error, rel=1e-7)
    assert (treatment.low, treatment.high) == (pytest.approx(by_hand.lower), pytest.approx(by_hand.upper))
    assert treatment.p == pytest.approx(by_hand.p_value, rel=1e-6)


def test_chow_and_liu() -> None:
    """Table 3.6.3: mean square within 167.25 on 22, F of formulation 0.38; means 82.56 and 80.27; 90 % interval."""
    found = fitted("AUC, Chow and Liu", confidence=0.9)
    assert round(found.variance[-1].variance, 2) == 167.25
    treatment = found.terms[1]
    assert (treatment.term, round(treatment.F, 2), round(treatment.df2, 6)) == ("treatment", 0.38, 22)
    means = marginal_means(found, "treatment")
    assert numbers([one.estimate for one in means.means], 2) == [82.56, 80.27]
    coefficient = found.coefficients[2]
    assert numbers([coefficient.estimate, coefficient.low, coefficient.high], 2) == [-2.29, -8.70, 4.12]


def test_students_sleep() -> None:
    """Student 1908: t = -4.0621 on 9 degrees of freedom, P = 0.002833 (the paired t)."""
    treatment = fitted("Sleep").coefficients[1]
    assert (round(treatment.t, 4), round(treatment.df, 6), round(treatment.p, 6)) == (4.0621, 9, 0.002833)


def test_ergo_stool() -> None:
    """Pinheiro and Bates 2000, p. 15: SDs 1.3325 and 1.1003, REML log-likelihood -60.565, F 22.356 on 3 and 24."""
    found = fitted("Ergo stool")
    assert numbers([one.sd for one in found.variance], 4) == [1.3325, 1.1003]
    assert round(found.criterion / -2, 3) == -60.565
    assert (round(found.terms[0].F, 3), found.terms[0].df1, round(found.terms[0].df2, 6)) == (22.356, 3, 24)
    assert numbers([one.estimate for one in found.coefficients], 4) == [8.5556, 3.8889, 2.2222, 0.6667]


def test_machines() -> None:
    """Pinheiro and Bates 2000, p. 25: SDs 4.7811, 3.7295 and 0.96158; 52.356, 7.9667, 13.917 with SE 2.4858, 2.177."""
    found = fitted("Machines")
    assert [one.group for one in found.variance] == ["worker", "worker:machine", "Residual"]
    assert numbers([one.sd for one in found.variance], 4) == [4.7811, 3.7295, 0.9616]
    assert numbers([one.estimate for one in found.coefficients], 4) == [52.3556, 7.9667, 13.9167]
    satterthwaite = fitted("Machines", method="satterthwaite")
    assert numbers([one.se for one in satterthwaite.coefficients], 3) == [2.486, 2.177, 2.177]


def test_oats() -> None:
    """Pinheiro and Bates 2000, p. 47: F 37.686, 1.485 and 0.303, the variety on 10 degrees of freedom, the rest 45."""
    found = fitted("Oats")
    assert numbers([one.F for one in found.terms], 3) == [37.686, 1.485, 0.303]
    assert numbers([one.df2 for one in found.terms], 4) == [45, 10, 45]


@pytest.mark.parametrize(
    ("name", "criterion", "sds"),
    [
        # Bates, lme4: Mixed-effects modeling with R, chapters 1 and 2.
        ("Dyestuff", 319.6543, [42.001, 49.510]),
        ("Dyestuff2", 161.8283, [0.0, 3.716]),
        ("Penicillin", 330.8606, [0.847, 1.932, 0.550]),
        ("Pastes", 246.9907, [1.287, 2.904, 0.823]),
        ("Sleep deprivation", 1786.4651, [37.124, 30.991]),
    ],
)
def test_bates(name, criterion, sds) -> None:
    found = fitted(name)
    assert round(found.criterion, 4) == criterion
    assert numbers([one.sd for one in found.variance], 3) == pytest.approx(sds, abs=1e-9)
    assert found.singular is (name == "Dyestuff2")


def test_dyestuff_by_maximum_likelihood() -> None:
    """Bates 2010, p. 12: deviance 327.327, SDs 37.26 and 49.51."""
    found = fitted("Dyestuff", method="satterthwaite", restricted=False)
    assert round(found.criterion, 3) == 327.327
    assert numbers([one.sd for one in found.variance], 2) == [37.26, 49.51]
