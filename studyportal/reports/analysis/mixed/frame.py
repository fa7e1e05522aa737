"""The rows and variables that a model uses: expressions evaluated, gaps dropped with their count, factors coded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.formula import Formula
from studyportal.reports.analysis.mixed.grammar import Call, Name, Node, Number, Operation, Parenthesis, shown
from studyportal.reports.analysis.mixed.table import NUMBER, Array, Column, Table

Codes = NDArray[np.intp]
FACTOR_CALLS = {"factor", "C", "as.factor"}
FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the fixed terms, on the rows that are used.

    Attributes
    ----------
    levels
        Names of a factor's levels, sorted; None for a covariate.
    codes, values
        The level's place of every row, or the covariate's value.
    """

    label: str
    node: Node
    levels: tuple[str, ...] | None
    codes: Codes
    values: Array


@dataclass(frozen=True, slots=True)
class Group:
    """The grouping factor of a random intercept, on the rows that are used."""

    label: str
    codes: Codes
    levels: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What a model reads of a table.

    Attributes
    ----------
    covariates
        Numeric columns behind the covariates, on the rows that are used.
    dropped
        Rows that are not used, as a value is missing.
    notes
        What the person should know, in sentences.
    """

    outcome: Array
    outcome_label: str
    variables: dict[str, Variable]
    covariates: dict[str, Array]
    groups: tuple[Group, ...]
    rows: int
    dropped: int
    notes: list[str] = field(default_factory=list)


def build_frame(formula: Formula, table: Table) -> Frame:
    """Return the rows and variables of a model.

    A text column is a factor, its levels in order of their characters' code points (R's C locale); `factor(x)` makes
    one of numbers, in numerical order. Rows with a gap in any column of the formula are dropped.

    Raises
    ------
    ModelError
        An unknown column, a factor with one level, text where a number is needed, nothing left.
    """
    fixed = [formula.variables[label] for label in dict.fromkeys(label for term in formula.terms for label in term)]
    names = _columns([formula.outcome, *fixed, *(node for group in formula.groups for node in group)], table)
    total = len(next(iter(table.values())).texts)
    known = np.ones(total, bool)
    for name in names:
        known &= np.array([text is not None for text in table[name].texts], bool)
    if not known.any():
        empty = [name for name in names if all(text is None for text in table[name].texts)]
        because = f"the column “{empty[0]}” is empty" if empty else "every row lacks a value in one of its columns"
        msg = f"No row can be used: {because}."
        raise ModelError(msg)
    kept = {name: _rows(table[name], known) for name in names}
    outcome = evaluate(formula.outcome, kept, "the outcome")
    frame = Frame(
        outcome,
        shown(formula.outcome),
        {shown(node): _variable(node, kept) for node in fixed},
        {},
        tuple(_group(group, kept) for group in formula.groups),
        int(known.sum()),
        int(total - known.sum()),
    )
    for variable in frame.variables.values():
        _tell(variable, kept, frame)
    return frame


def evaluate(node: Node, columns: Mapping[str, Column], purpose: str) -> Array:
    """Return the numbers of an expression of numeric columns.

    Raises
    ------
    ModelError
        Text in it, an unknown function, or a value that is not defined, such as the logarithm of zero.
    """
    with np.errstate(all="ignore"):
        values = _evaluated(node, columns, purpose)
    if bad := int((~np.isfinite(values)).sum()):
        msg = f"“{shown(node)}” has no finite value in {bad} of {values.size} rows."
        raise ModelError(msg)
    return values


def _evaluated(node: Node, columns: Mapping[str, Column], purpose: str) -> Array:
    match node:
        case Number(value):
            return np.full(len(next(iter(columns.values())).texts), value)
        case Name(name):
            column = columns[name]
            if column.numbers is None:
                texts = [text for text in column.texts if text]
                odd = next((text for text in texts if not NUMBER.fullmatch(text)), texts[0])
                msg = f"The column “{name}” holds text, such as “{odd}”, where {purpose} needs numbers."
                raise ModelError(msg)
            return column.numbers
        case Parenthesis(inside):
            return _evaluated(inside, columns, purpose)
        case Operation(operator, None, right) if operator in {"+", "-"}:
            return _evaluated(right, columns, purpose) * (-1 if operator == "-" else 1)
        case Operation(operator, left, right) if left is not None and operator in ARITHMETIC:
            return ARITHMETIC[operator](_evaluated(left, columns, purpose), _evaluated(right, columns, purpose))
        case Call("I", (inside,)):
            return _evaluated(inside, columns, purpose)
        case Call(function, (inside,)) if function in FUNCTIONS:
            return FUNCTIONS[function](_evaluated(inside, columns, purpose))
    msg = f"“{shown(node)}” cannot be computed: there are + - * / ^, I(), factor() and {', '.join(FUNCTIONS)}."
    raise ModelError(msg)


ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
}  # fmt: skip


def columns_of(node: Node) -> list[str]:
    """Return the names of the columns in an expression."""
    match node:
        case Name(name):
            return [name]
        case Call(_, arguments):
            return [name for argument in arguments for name in columns_of(argument)]
        case Parenthesis(inside):
            return columns_of(inside)
        case Operation(_, left, right):
            return [*(columns_of(left) if left is not None else ()), *columns_of(right)]
    return []


def _columns(nodes: list[Node], table: Table) -> list[str]:
    names = list(dict.fromkeys(name for node in nodes for name in columns_of(node)))
    for name in names:
        if name not in table:
            there = ", ".join(list(table)[:30])
            alike = get_close_matches(name, table, n=1, cutoff=0.75)
            meant = f" Did you mean `{alike[0]}`?" if alike else ""
            msg = f"There is no column “{name}” in the table; its columns are {there}.{meant}"
            raise ModelError(msg)
    if not names:
        raise ModelError("The formula names no column of the table.")
    return names


def _rows(column: Column, known: NDArray[np.bool_]) -> Column:
    numbers = None if column.numbers is None else column.numbers[known]
    return Column(
        column.name, numbers, tuple(text for text, keep in zip(column.texts, known.tolist(), strict=True) if keep)
    )


def _is_factor(node: Node, columns: Mapping[str, Column]) -> bool:
    if isinstance(node, Call) and node.function in FACTOR_CALLS:
        return True
    return isinstance(node, Name) and columns[node.name].numbers is None


def _levels(node: Node, columns: Mapping[str, Column]) -> tuple[tuple[str, ...], Codes]:
    """Return the levels of a column and each row's level."""
    if isinstance(node, Call):
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Name):
            msg = f"“{shown(node)}” is no factor: it takes the name of one column."
            raise ModelError(msg)
        node = node.arguments[0]
    assert isinstance(node, Name)
    column = columns[node.name]
    if column.numbers is not None:
        values, codes = np.unique(column.numbers, return_inverse=True)
        by_value = dict(zip(column.numbers.tolist(), column.texts, strict=True))
        return tuple(by_value[value] or "" for value in values.tolist()), codes.astype(np.intp)
    levels = sorted({text for text in column.texts if text is not None})
    place = {level: at for at, level in enumerate(levels)}
    return tuple(levels), np.array([place[text] for text in column.texts if text is not None], np.intp)


def _variable(node: Node, columns: Mapping[str, Column]) -> Variable:
    if not _is_factor(node, columns):
        return Variable(shown(node), node, None, np.empty(0, np.intp), evaluate(node, columns, "a covariate"))
    levels, codes = _levels(node, columns)
    if len(levels) < 2:
        msg = f"“{shown(node)}” has one level in the rows that are used ({levels[0]}): nothing can be compared."
        raise ModelError(msg)
    return Variable(shown(node), node, levels, codes, np.empty(0))


def _group(nodes: tuple[Node, ...], columns: Mapping[str, Column]) -> Group:
    codes, count = np.zeros(len(next(iter(columns.values())).texts), np.intp), 1
    for node in nodes:
        levels, own = _levels(node, columns)
        found, codes = np.unique(codes * len(levels) + own, return_inverse=True)
        count = found.size
    return Group(":".join(map(shown, nodes)), codes.astype(np.intp), count)


def _tell(variable: Variable, columns: Mapping[str, Column], frame: Frame) -> None:
    """Note what may surprise about a variable, and the columns behind a covariate."""
    label = variable.label
    if variable.levels is not None:
        looks = sum(NUMBER.fullmatch(level) is not None for level in variable.levels)
        if isinstance(variable.node, Name) and 2 * looks > len(variable.levels) > looks:
            odd = next(level for level in variable.levels if not NUMBER.fullmatch(level))
            frame.notes.append(
                f"“{label}” is a factor of {len(variable.levels)} levels, as it holds text such as “{odd}”."
            )
        return
    for name in columns_of(variable.node):
        numbers = columns[name].numbers
        assert numbers is not None
        frame.covariates[name] = numbers
    values = np.unique(variable.values)
    if isinstance(variable.node, Name) and 3 <= values.size <= 8 and np.array_equal(values, np.round(values)):
        frame.notes.append(
            f"“{label}” is numeric with {values.size} values and enters as a straight line; "
            f"write factor({label}) to give each value its own level."
        )
