"""A formula is read as R reads it, and never run."""

import pytest

from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.formula import read_formula
from studyportal.reports.analysis.mixed.grammar import shown


@pytest.mark.parametrize(
    ("right", "terms"),
    [
        ("a*b", "a b a:b"),
        ("a + b + a:b", "a b a:b"),
        ("a:b + a", "a a:b"),
        ("b + a + a:b", "b a b:a"),
        ("a*b - b:a", "a b"),
        ("(a + b + c)^2", "a b c a:b a:c b:c"),
        ("(a + b)**2", "a b a:b"),
        ("a/b", "a a:b"),
        ("a/b/c", "a a:b a:b:c"),
        ("b %in% a", "b:a"),
        ("a*b*c - a:b:c", "a b c a:b a:c b:c"),
        ("(a + b)*c", "a b c a:c b:c"),
        ("a*(b - c) + (b + a - a)", "a b a:b"),
        ("+ a", "a"),
        ("a + a + a:a", "a"),
        ("log(a) + I(a^2) + factor(b)", "log(a) I(a^2) factor(b)"),
        ("`Glx/tNAA` + .x1", "Glx/tNAA .x1"),
    ],
)
def test_terms(right, terms) -> None:
    found = read_formula(f"y ~ {right} + (1|id)")
    assert " ".join(":".join(term) for term in found.terms) == terms
    assert found.has_intercept


@pytest.mark.parametrize(
    ("right", "has_intercept"),
    [("a", True), ("a - 1", False), ("0 + a", False), ("a + 0", False), ("-1 + a", False), ("a + 0 + 1", True),
     ("a - 0", True), ("1", True)],
)  # fmt: skip
def test_intercept(right, has_intercept) -> None:
    assert read_formula(f"y ~ {right} + (1|id)").has_intercept is has_intercept


@pytest.mark.parametrize(
    ("random", "labels"),
    [
        ("(1|id)", ["id"]),
        ("(1||id)", ["id"]),
        ("(1 | (id))", ["id"]),
        ("(1|site/id)", ["site", "site:id"]),
        ("(1|a/b/c)", ["a", "a:b", "a:b:c"]),
        ("(1|id) + (1|id:session)", ["id", "id:session"]),
        ("(1|factor(id)) + (1|rater)", ["factor(id)", "rater"]),
    ],
)
def test_random_terms(random, labels) -> None:
    assert [":".join(map(shown, group)) for group in read_formula(f"y ~ a + {random}").groups] == labels


def test_what_is_shown_is_read_again() -> None:
    for text in ("-a", "I((a - b)/2)", "log(a, 2)", "a:b", "a^2", "1.5e-07"):
        shown_once = shown(read_formula(f"{text} ~ a").outcome)
        assert shown(read_formula(f"{shown_once} ~ a").outcome) == shown_once


@pytest.mark.parametrize("text", ["y ~ a; b", "y ~ [a]", "y ~ a['b']", "y ~ a if b else c", "y ~ {a}", "y ~ a == b"])
def test_what_only_python_could_read_is_refused(text) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_formula(text)


def test_what_python_would_run_is_a_name_of_a_column() -> None:
    found = read_formula("y ~ __import__(os) + lambda:a")
    assert list(found.variables) == ["__import__(os)", "lambda", "a"]
