"""From a formula to a model: the outcome, the fixed terms in R's order, the grouping factors of random intercepts."""

from collections.abc import Iterator
from dataclasses import dataclass

from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.grammar import Call, Name, Node, Number, Operation, Parenthesis, parse, shown

Term = tuple[str, ...]
"""Labels of the variables of a term, in the order in which the formula first names them; () is the intercept."""
MOST_TERMS = 200
TOO_MANY = f"The formula means more than {MOST_TERMS} terms."
SLOPES = (
    "Random slopes are not supported: write random intercepts as (1|id), and nested ones as (1|id) + (1|id:session)."
)


@dataclass(frozen=True, slots=True)
class Formula:
    """A model in words.

    Attributes
    ----------
    terms
        Fixed terms without the intercept, main effects first, as R orders them.
    variables
        The expression behind each label of a fixed term.
    groups
        For each random intercept the factors whose combinations are its levels.
    """

    text: str
    outcome: Node
    terms: tuple[Term, ...]
    has_intercept: bool
    variables: dict[str, Node]
    groups: tuple[tuple[Node, ...], ...]


def read_formula(text: str) -> Formula:
    """Return the model that a formula means.

    Fixed terms: `+`, `-`, `:`, `*`, `/`, `%in%`, `^`, parentheses, `1` and `0`. Random terms: `(1|id)`,
    `(1|id:session)`, `(1|site/id)`.

    Raises
    ------
    ModelError
        The formula is no formula, or asks for what this engine does not have.
    """
    tree = parse(text)
    if not isinstance(tree, Operation) or tree.operator != "~" or tree.left is None:
        raise ModelError('A formula has the outcome, a tilde and the terms: "change ~ treatment + period + (1|id)".')
    fixed, groups = _apart(tree.right)
    variables: dict[str, Node] = {}
    terms = _terms(fixed, variables)
    if (outcome := shown(tree.left)) in variables:
        msg = f"The outcome “{outcome}” cannot be among the terms that explain it."
        raise ModelError(msg)
    ordered = tuple(sorted((term for term in terms if term), key=len))
    return Formula(text, tree.left, ordered, () in terms, variables, groups)


def _apart(node: Node) -> tuple[list[tuple[str, Node]], tuple[tuple[Node, ...], ...]]:
    """Return the fixed parts of the right side with their signs, and the grouping factors."""
    fixed: list[tuple[str, Node]] = []
    groups: list[tuple[Node, ...]] = []
    for sign, part in _summands(node, "+"):
        bar = part.inside if isinstance(part, Parenthesis) else None
        if not isinstance(bar, Operation) or bar.operator != "|":
            fixed.append((sign, part))
        elif sign == "-":
            raise ModelError("A random term cannot be taken away: leave it out of the formula.")
        else:
            groups.extend(_groups(bar))
    labels = [_label(group) for group in groups]
    for label in labels:
        if labels.count(label) > 1:
            msg = f"The random term (1|{label}) stands in the formula twice."
            raise ModelError(msg)
    return fixed, tuple(groups)


def _terms(fixed: list[tuple[str, Node]], variables: dict[str, Node]) -> dict[Term, None]:
    """Return the fixed terms, the intercept unless it is taken away, in the order of the formula."""
    terms: dict[Term, None] = {(): None}
    for sign, part in fixed:
        if part == Number(0):
            sign, part = ("-" if sign == "+" else "+"), Number(1)  # noqa: PLW2901 - + 0 is - 1
        found = _expand(part, variables)
        terms = _combine(sign, terms, found, variables)
        if len(terms) > MOST_TERMS:
            raise ModelError(TOO_MANY)
    return terms


def _label(group: tuple[Node, ...]) -> str:
    return ":".join(map(shown, group))


def _summands(node: Node, sign: str) -> Iterator[tuple[str, Node]]:
    """Yield what is added and taken away at the top of the right side."""
    if isinstance(node, Operation) and node.operator in {"+", "-"}:
        if node.left is not None:
            yield from _summands(node.left, sign)
        yield node.operator, node.right
    else:
        yield sign, node


def _groups(bar: Operation) -> Iterator[tuple[Node, ...]]:
    """Yield the grouping factors of one random term; `a/b` means `a` and `a:b`."""
    if bar.left != Number(1):
        raise ModelError(SLOPES)
    yield from _nested(bar.right)


def _nested(node: Node) -> list[tuple[Node, ...]]:
    match node:
        case Name() | Call("factor" | "C" | "as.factor"):
            return [(node,)]
        case Parenthesis(inside):
            return _nested(inside)
        case Operation(":", left, right) if left is not None:
            return [_nested(left)[-1] + _nested(right)[-1]]
        case Operation("/", left, right) if left is not None:
            outer = _nested(left)
            return [*outer, *(outer[-1] + inner for inner in _nested(right))]
    msg = f"“{shown(node)}” is no grouping factor: name columns, as in (1|id), (1|id:session) or (1|site/id)."
    raise ModelError(msg)


def _expand(node: Node, variables: dict[str, Node]) -> dict[Term, None]:
    """Return the terms of an expression, noting each variable when it first appears."""
    match node:
        case Number(value) if value == 1:
            return {(): None}
        case Name() | Call():
            label = shown(node)
            variables.setdefault(label, node)
            return {(label,): None}
        case Parenthesis(inside):
            return _expand(inside, variables)
        case Operation("+", None, right):
            return _expand(right, variables)
        case Operation("^", left, Number(power)) if left is not None:
            return _to_power(_expand(left, variables), power, variables)
        case Operation(operator, left, right) if left is not None and operator in {"+", "-", ":", "%in%", "*", "/"}:
            return _combine(operator, _expand(left, variables), _expand(right, variables), variables)
        case Operation("|"):
            raise ModelError("A random term stands in parentheses of its own and is added: ... + (1|id).")
    msg = f"“{shown(node)}” is no term of a model; arithmetic belongs into I(...), as in I(post - pre)."
    raise ModelError(msg)


def _combine(
    operator: str, left: dict[Term, None], right: dict[Term, None], variables: dict[str, Node]
) -> dict[Term, None]:
    match operator:
        case "+":
            return left | right
        case "-":
            return {term: None for term in left if term not in right}
        case "*":
            return left | right | _crossed(left, right, variables)
        case "/":
            whole = tuple(label for label in variables if any(label in term for term in left))
            return left | _crossed({whole: None}, right, variables)
    return _crossed(left, right, variables)


def _crossed(left: dict[Term, None], right: dict[Term, None], variables: dict[str, Node]) -> dict[Term, None]:
    """Return every term of the one with every term of the other, variables in the formula's order."""
    if len(left) * len(right) > MOST_TERMS:
        raise ModelError(TOO_MANY)
    return {tuple(label for label in variables if label in {*one, *other}): None for one in left for other in right}


def _to_power(base: dict[Term, None], power: float, variables: dict[str, Node]) -> dict[Term, None]:
    if power not in {1, 2, 3, 4, 5}:
        raise ModelError("The power of a group of terms is a whole number from 1 to 5; powers of numbers go into I().")
    terms = base
    for _ in range(int(power) - 1):
        terms = terms | _crossed(terms, base, variables)
    return terms
