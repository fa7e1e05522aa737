"""From a formula to a model: the outcome, the fixed terms in R's order, the grouping factors of random intercepts."""

from collections.abc import Iterator
from dataclasses import dataclass

from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.grammar import Call, Name, Node, Number, Operation, Parenthesis, parse, shown

Term = tuple[str, ...]
"""Labels of the variables of a term, in the order in which the formula first names them; () is the intercept."""
MOST_TERMS = 200
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
    fixed: list[tuple[str, Node]] = []
    groups: list[tuple[Node, ...]] = []
    for sign, part in _summands(tree.right, "+"):
        bar = part.inside if isinstance(part, Parenthesis) else None
        if isinstance(bar, Operation) and bar.operator == "|":
            if sign == "-":
                raise ModelError("A random term cannot be taken away: leave it out of the formula.")
            groups.extend(_groups(bar))
        else:
            fixed.append((sign, part))
    labels = [_label(group) for group in groups]
    for label in labels:
        if labels.count(label) > 1:
            msg = f"The random term (1|{label}) stands in the formula twice."
            raise ModelError(msg)
    variables: dict[str, Node] = {}
    terms: dict[Term, None] = {(): None}
    for sign, part in fixed:
        found = _expand(part, variables)
        if sign == "-" or _is_zero(part):
            for term in [()] if _is_zero(part) else found:
                terms.pop(term, None)
            if sign == "-" and _is_zero(part):
                terms[()] = None
        else:
            terms |= found
        if len(terms) > MOST_TERMS:
            msg = f"The formula means more than {MOST_TERMS} terms."
            raise ModelError(msg)
    order = {label: at for at, label in enumerate(variables)}
    ordered = dict.fromkeys(tuple(sorted(term, key=order.__getitem__)) for term in sorted(terms, key=len) if term)
    return Formula(text, tree.left, tuple(ordered), () in terms, variables, tuple(groups))


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


def _is_zero(node: Node) -> bool:
    return node == Number(0)


def _expand(node: Node, variables: dict[str, Node]) -> dict[Term, None]:
    """Return the terms of an expression, noting each variable when it first appears."""
    match node:
        case Number(value) if value in {0, 1}:
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
            return _to_power(_expand(left, variables), power)
        case Operation(operator, left, right) if left is not None and operator in {"+", "-", ":", "%in%", "*", "/"}:
            return _combine(operator, _expand(left, variables), _expand(right, variables))
        case Operation("|"):
            raise ModelError("A random term stands in parentheses of its own and is added: ... + (1|id).")
    msg = f"“{shown(node)}” is no term of a model; arithmetic belongs into I(...), as in I(post - pre)."
    raise ModelError(msg)


def _combine(operator: str, left: dict[Term, None], right: dict[Term, None]) -> dict[Term, None]:
    match operator:
        case "+":
            return left | right
        case "-":
            return {term: None for term in left if term not in right}
        case "*":
            return left | right | _crossed(left, right)
        case "/":
            whole = tuple(dict.fromkeys(label for term in left for label in term))
            return left | _crossed({whole: None}, right)
    return _crossed(left, right)


def _crossed(left: dict[Term, None], right: dict[Term, None]) -> dict[Term, None]:
    if len(left) * len(right) > MOST_TERMS:
        msg = f"The formula means more than {MOST_TERMS} terms."
        raise ModelError(msg)
    return _unique(tuple(dict.fromkeys(one + other)) for one in left for other in right)


def _unique(terms: Iterator[Term]) -> dict[Term, None]:
    """Return each set of variables once, in its first order."""
    found = {frozenset(term): term for term in reversed(list(terms))}
    return dict.fromkeys(reversed(found.values()))


def _to_power(base: dict[Term, None], power: float) -> dict[Term, None]:
    if power not in {1, 2, 3, 4, 5}:
        raise ModelError("The power of a group of terms is a whole number from 1 to 5; powers of numbers go into I().")
    terms = base
    for _ in range(int(power) - 1):
        terms = _unique(iter([*terms, *_crossed(terms, base)]))
    return terms
