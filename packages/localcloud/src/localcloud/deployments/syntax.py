"""Parses template expressions into nodes.

expression := string | integer | call
call       := name "(" [expression ("," expression)*] ")" member*
member     := "." name | "[" expression "]"

A string stands in single quotes, and a quote in it is doubled. Source: "Syntax and expressions in ARM
templates" (learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions). That only
calls have members, and that there are no fractions and no words such as true, is what the Bicep compiler
0.49 says when it is given them.
"""

import re
from dataclasses import dataclass

MAX_DEPTH = 100
"""Deepest nesting of expressions. localcloud's own limit, so that the parser does not run out of stack."""


class ExpressionError(Exception):
    """An expression cannot be parsed or evaluated; the text says where and why."""


@dataclass(frozen=True)
class Literal:
    value: str | int


@dataclass(frozen=True)
class Call:
    """`name(arguments)`. name: as written; names are not case-sensitive."""

    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Member:
    """`target.key` or `target[key]`."""

    target: "Node"
    key: "Node"


type Node = Literal | Call | Member

EXPRESSION = re.compile(r"\[\s*[A-Za-z_]\w*\s*\(.*\]", re.DOTALL)
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<number>-?\d{1,18})(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<mark>[().,\[\]]))"
)
BLANKS = re.compile(r"\s*")


def is_expression(text: str) -> bool:
    """Whether a text of a snapshot is an expression: a call in brackets.

    The compiler leaves calls only, since it evaluates all other expressions, and what it evaluates it
    writes as it is: `[[a]` of a template is `[a]` in its snapshot. So a text that looks like a call is
    taken for one.
    """
    return EXPRESSION.fullmatch(text) is not None


def parse(text: str) -> Node:
    """Parse `[…]`. Raises ExpressionError, which quotes the text from the place of the error."""
    parser = Parser(text)
    parser.expect("[")
    node = parser.expression()
    parser.expect("]")
    parser.end()
    return node


class Parser:
    """A recursive-descent parser of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._depth = 0

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"the expression is nested more than {MAX_DEPTH} deep")
        found = self._token("a text, a whole number or a function")
        if found["string"]:
            node: Node = Literal(found["string"][1:-1].replace("''", "'"))
        elif found["number"]:
            node = Literal(int(found["number"]))
        elif found["name"]:
            node = self._members(Call(found["name"], self._arguments()))
        else:
            raise self._error("a text, a whole number or a function", found.start("mark"))
        self._depth -= 1
        return node

    def expect(self, mark: str) -> None:
        if not self._take(mark):
            raise self._error(f"'{mark}'", self.position)

    def end(self) -> None:
        if self.text[self.position :].strip():
            raise self._error("the end", self.position)

    def _arguments(self) -> tuple[Node, ...]:
        self.expect("(")
        if self._take(")"):
            return ()
        found = [self.expression()]
        while self._take(","):
            found.append(self.expression())
        self.expect(")")
        return tuple(found)

    def _members(self, node: Node) -> Node:
        while mark := self._take(".") or self._take("["):
            if mark == "[":
                node = Member(node, self.expression())
                self.expect("]")
            else:
                name = self._token("the name of a property")
                if not name["name"]:
                    raise self._error("the name of a property", name.start())
                node = Member(node, Literal(name["name"]))
        return node

    def _token(self, wanted: str) -> re.Match[str]:
        found = TOKEN.match(self.text, self.position)
        if found is None:
            raise self._error(wanted, self.position)
        self.position = found.end()
        return found

    def _take(self, mark: str) -> str:
        """Go past a mark if it comes next. Return it, or ""."""
        blanks = BLANKS.match(self.text, self.position)
        start = blanks.end() if blanks else self.position
        if not self.text.startswith(mark, start):
            return ""
        self.position = start + len(mark)
        return mark

    def _error(self, wanted: str, position: int) -> ExpressionError:
        found = self.text[position:].strip() or "the end"
        return ExpressionError(f"{wanted} is wanted at character {position}, where '{found[:40]}' is")
