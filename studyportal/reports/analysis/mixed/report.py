"""A fit in words and numbers: for a person at a terminal, and as JSON for a program."""

import math
from collections.abc import Iterable, Sequence

from studyportal.reports.analysis.mixed.means import MarginalMeans
from studyportal.reports.analysis.mixed.results import Coefficient, Fit, TermTest

METHOD_NAMES = {"kenward-roger": "Kenward-Roger", "satterthwaite": "Satterthwaite"}
WIDTH = 96


def as_json(fit: Fit, means: Sequence[MarginalMeans] = ()) -> dict[str, object]:
    """Return a fit as what JSON can hold: numbers that are not defined are null."""
    found: dict[str, object] = {
        "method": fit.method,
        "estimation": "REML" if fit.restricted else "ML",
        "confidence": fit.confidence,
        "formula": fit.formula,
        "n": {"rows": fit.rows, "dropped": fit.dropped, "groups": {one.group: one.levels for one in fit.variance[:-1]}},
        "terms": [
            {"term": one.term, "F": _defined(one.F), "df1": one.df1, "df2": _defined(one.df2), "p": _defined(one.p)}
            for one in fit.terms
        ],
        "coefficients": [_line(one) for one in fit.coefficients],
        "variance": [
            {"group": one.group, "variance": one.variance, "sd": one.sd, "levels": one.levels} for one in fit.variance
        ],
        "criterion": fit.criterion,
        "singular": fit.singular,
        "notes": list(fit.notes),
    }
    if means:
        found["means"] = [
            {
                "factor": one.factor,
                "means": [_line(mean) for mean in one.means],
                "differences": [
                    _line(pair) | {"p_adjusted": _defined(p)} for pair, p in zip(one.pairs, one.adjusted, strict=True)
                ],
                "adjustment": one.adjustment,
            }
            for one in means
        ]
    if fit.fixed_participants is not None:
        paired = as_json(fit.fixed_participants)
        found["fixed_participants"] = {name: paired[name] for name in ("terms", "coefficients", "variance", "notes")}
    return found


def _line(one: Coefficient) -> dict[str, object]:
    numbers = {
        "estimate": one.estimate, "se": one.se, "df": one.df, "t": one.t, "p": one.p, "low": one.low, "high": one.high,
    }  # fmt: skip
    return {"name": one.name} | {name: _defined(number) for name, number in numbers.items()}


def _defined(number: float) -> float | None:
    return number if math.isfinite(number) else None


def as_text(fit: Fit, means: Sequence[MarginalMeans] = ()) -> str:
    """Return a fit as a page of text."""
    estimation = "restricted maximum likelihood" if fit.restricted else "maximum likelihood"
    groups = ", ".join(f"{one.levels} levels of {one.group}" for one in fit.variance[:-1])
    lines = [
        f"Linear mixed model   {fit.formula}" if groups else f"Linear model   {fit.formula}",
        f"{fit.rows} rows{f', {groups}' if groups else ''}; {estimation}; {METHOD_NAMES[fit.method]}",
        "",
        "Tests of the terms (type III)",
        *_terms(fit.terms),
        "",
        f"Coefficients, {100 * fit.confidence:g} % intervals",
        *_coefficients(fit.coefficients),
        "",
        "Variance",
        *_table(
            ["", "variance", "SD", "n"],
            [[one.group, _number(one.variance), _number(one.sd), str(one.levels)] for one in fit.variance],
        ),
        f"  {'REML criterion' if fit.restricted else 'Deviance'} {fit.criterion:.4f}",
    ]
    for one in means:
        lines += ["", f"Marginal means of {one.factor}", *_coefficients(one.means, tests=False)]
        lines += ["", f"Differences ({_adjustment(one)})", *_coefficients(one.pairs, adjusted=one.adjusted)]
    if fit.notes:
        lines += ["", "Notes", *(line for note in fit.notes for line in _folded(note))]
    if fit.fixed_participants is not None:
        paired = fit.fixed_participants
        factor = paired.state.formula.terms[0][0]
        lines += [
            "",
            f"The same with fixed levels of {factor}: only comparisons within them count (the paired analysis)",
            *_terms(paired.terms),
            "",
            *_coefficients(paired.coefficients),
            *(line for note in paired.notes for line in _folded(note)),
        ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _adjustment(means: MarginalMeans) -> str:
    if means.adjustment == "none" or len(means.pairs) < 2:
        return "p of each by itself"
    return f"p adjusted by {means.adjustment.capitalize()}; intervals of each by itself"


def _terms(terms: Iterable[TermTest]) -> list[str]:
    rows = [[one.term, _statistic(one.F), str(one.df1), _degrees(one.df2), _probability(one.p)] for one in terms]
    return _table(["", "F", "df1", "df2", "p"], rows) if rows else ["  none"]


def _coefficients(
    coefficients: Sequence[Coefficient], *, tests: bool = True, adjusted: Sequence[float] | None = None
) -> list[str]:
    heading = ["", "estimate", "SE", "low", "high", "df", *(["t", "p"] if tests else [])]
    p_values = adjusted if adjusted is not None else [one.p for one in coefficients]
    decimals = _decimals([one.se for one in coefficients])
    rows = []
    for one, p in zip(coefficients, p_values, strict=True):
        numbers = [_fixed(number, decimals) for number in (one.estimate, one.se, one.low, one.high)]
        row = [one.name, *numbers, _degrees(one.df)]
        rows.append([*row, f"{one.t:.3f}", _probability(p)] if tests else row)
    return _table(heading, rows)


def _table(heading: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table: names to the left, numbers to the right."""
    widths = [max(len(row[at]) for row in [heading, *rows]) for at in range(len(heading))]
    widths[0] = max(widths[0], 16)
    lines = []
    for row in [heading, *rows]:
        numbers = (cell.rjust(max(width, 7)) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  " + "  ".join([row[0].ljust(widths[0]), *numbers]))
    return lines


def _decimals(errors: Sequence[float]) -> int | None:
    """Return the decimals that show two digits of the smallest error; None where the errors are too far apart."""
    known = [one for one in errors if math.isfinite(one) and one > 0]
    if not known or max(known) > 1e4 * min(known):
        return None
    decimals = 2 - math.floor(math.log10(min(known)))
    return max(0, decimals) if decimals <= 8 else None


def _fixed(number: float, decimals: int | None) -> str:
    if math.isnan(number):
        return "-"
    return f"{number:.4g}" if decimals is None else f"{number:.{decimals}f}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if 0.01 <= abs(value) < 1e5 or value == 0 else f"{value:.4g}"


def _statistic(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _degrees(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _probability(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _folded(note: str) -> list[str]:
    """Return a note as lines of a readable length."""
    lines, line = [], " "
    for word in note.split():
        if len(line) + len(word) + 1 > WIDTH and line.strip():
            lines.append(line)
            line = "   "
        line = f"{line} {word}"
    return [*lines, line]
