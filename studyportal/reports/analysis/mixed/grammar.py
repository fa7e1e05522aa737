"""Reading a model formula: names, numbers, operators and calls, in R's order of precedence.

A formula is data: nothing of it is ever run as Python, so that a formula of a stored analysis plan can do no harm.
"""

import re
from dataclasses import dataclass

from studyportal.reports.analysis.mixed.errors import ModelError

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<name>(?:[^\W\d]|\.(?!\d))[\w.]*)"
    r"|`(?P<quoted>[^`]+)`"
    r"|(?P<operator>%in%|\|\||\*\*|[~+\-*/:^|(),]))"
)
# Binding powers of the binary operators, weakest first, as in R.
POWER = {"~": 1, "|": 2, "+": 3, "-": 3, "*": 4, "/": 4, "%in%": 5, ":": 6, "^": 8}
UNARY_POWER = 7
DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Name:
    """A column of the table."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number; the intercept and its absence among them."""

    value: float


@dataclass(frozen=True, slots=True)
class Call:
    """A function of its arguments: `log(auc)`, `factor(period)`."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One or two operands and what stands between them; `left` is None for a sign."""

    operator: str
    left: "Node | None"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Parenthesis:
    """What stands in parentheses: kept, since random terms must."""

    inside: "Node"


Node = Name | Number | Call | Operation | Parenthesis


def parse(text: str) -> Node:
    """Return the tree of a formula or an expression.

    Raises
    ------
    ModelError
        A sign that no formula has, or an end that comes too early.
    """
    if len(text) > 4000:
        raise ModelError("The formula is longer than 4,000 characters.")
    reader = _Reader(_tokens(text))
    node = reader.expression(0, 0)
    if reader.kind != "end":
        msg = f"The formula cannot be read from “{reader.text}” on."
        raise ModelError(msg)
    return node


def shown(node: Node) -> str:
    """Return a node as it is written in labels, without spaces around products."""
    match node:
        case Name(name):
            return name
        case Number(value):
            return f"{value:.15g}"
        case Call(function, arguments):
            return f"{function}({', '.join(map(shown, arguments))})"
        case Parenthesis(inside):
            return f"({shown(inside)})"
        case Operation(operator, None, right):
            return f"{operator}{shown(right)}"
        case Operation(operator, left, right):
            assert left is not None
            between = operator if operator in {":", "^"} else f" {operator} "
            return f"{shown(left)}{between}{shown(right)}"


class _Reader:
    """Tokens one by one, and the expressions that they make (precedence climbing)."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = iter([*tokens, ("end", "the end")])
        self.kind = self.text = ""
        self._next()

    def _next(self) -> None:
        self.kind, self.text = next(self._tokens)

    def expression(self, weakest: int, depth: int) -> Node:
        if depth > DEEPEST:
            raise ModelError("The formula has too many parentheses within each other.")
        node = self._operand(depth)
        while self.kind == "operator" and (power := POWER.get(self.text, 0)) > weakest:
            operator = self.text
            self._next()
            # Powers bind to the right, all else to the left.
            node = Operation(operator, node, self.expression(power - (operator == "^"), depth + 1))
        return node

    def _operand(self, depth: int) -> Node:
        kind, text = self.kind, self.text
        if kind == "operator" and text in {"+", "-", "~"}:
            self._next()
            return Operation(text, None, self.expression(POWER["~"] if text == "~" else UNARY_POWER, depth + 1))
        if kind == "operator" and text == "(":
            self._next()
            inside = self.expression(0, depth + 1)
            self._close()
            return Parenthesis(inside)
        if kind not in {"number", "name", "quoted"}:
            msg = f"The formula cannot be read: {text if kind == 'end' else f'“{text}”'} where a column was expected."
            raise ModelError(msg)
        self._next()
        if kind == "number":
            return Number(float(text))
        if kind == "name" and self.text == "(" and self.kind == "operator":
            self._next()
            return Call(text, self._arguments(depth))
        return Name(text)

    def _arguments(self, depth: int) -> tuple[Node, ...]:
        arguments = [self.expression(0, depth + 1)]
        while self.kind == "operator" and self.text == ",":
            self._next()
            arguments.append(self.expression(0, depth + 1))
        self._close()
        return tuple(arguments)

    def _close(self) -> None:
        if (self.kind, self.text) != ("operator", ")"):
            raise ModelError("The formula cannot be read: a parenthesis is not closed.")
        self._next()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            rest = text[at:].strip()
            msg = f"The formula cannot be read from “{rest[:20]}” on: put names with other signs between backticks."
            raise ModelError(msg)
        kind = found.lastgroup or ""
        value = found.group(kind)
        tokens.append((kind, {"**": "^", "||": "|"}.get(value, value)))
        at = found.end()
    return tokens
