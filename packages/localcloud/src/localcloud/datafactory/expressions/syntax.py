"""Parses the text of an expression into nodes, with a tokenizer and a recursive-descent parser.

expression := primary postfix*
primary    := string | number | true | false | null | name "(" [expression ("," expression)*] ")"
postfix    := ["?"] "." name | ["?"] "[" expression "]"
"""

import re
from dataclasses import dataclass

MAX_LENGTH = 8192
"""Most characters of an expression; the service's limit."""

MAX_DEPTH = 64
"""Deepest nesting of expressions. localcloud's own limit, so that the parser does not run out of stack."""


class ExpressionError(Exception):
    """An expression cannot be parsed or evaluated; the text says where and why."""


@dataclass(frozen=True)
class Literal:
    value: str | int | float | bool | None


@dataclass(frozen=True)
class Call:
    """`name(arguments)`. name: as written; names are not case-sensitive."""

    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Member:
    """`target.key` or `target[key]`. optional: `?.`, which gives null if there is no such key."""

    target: "Node"
    key: "Node"
    optional: bool


Node = Literal | Call | Member

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<number>-?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,2})?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<mark>\?\.|\?\[|[().,\[\]}]))"
)
WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class Parser:
    """Parses one expression of `text`, starting at `position`, and stops after it."""

    def __init__(self, text: str, position: int = 0) -> None:
        self.text = text
        self.position = position
        self._depth = 0

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"the expression is nested more than {MAX_DEPTH} deep")
        node = self._primary()
        while mark := self._take(".", "?.", "[", "?["):
            optional = mark.startswith("?")
            if mark.endswith("."):
                node = Member(node, Literal(self._property()), optional)
            else:
                node = Member(node, self.expression(), optional)
                self.expect("]")
        self._depth -= 1
        return node

    def expect(self, mark: str) -> None:
        if not self._take(mark):
            raise self._error(f"'{mark}' is missing")

    def end(self) -> None:
        """Check that the text ends here."""
        if self.text[self.position :].strip():
            raise self._error("the expression should end")

    def _primary(self) -> Node:
        kind, text = self._next()
        if kind == "string":
            return Literal(text[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal(int(text) if re.fullmatch(r"-?\d+", text) else float(text))
        if kind != "name":
            raise self._error(f"a value was expected, not '{text}'", back=len(text))
        if text.lower() in WORDS and not self._peek("("):
            return Literal(WORDS[text.lower()])
        self.expect("(")
        return Call(text, self._arguments())

    def _arguments(self) -> tuple[Node, ...]:
        if self._take(")"):
            return ()
        arguments = [self.expression()]
        while self._take(","):
            arguments.append(self.expression())
        self.expect(")")
        return tuple(arguments)

    def _property(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise self._error(f"the name of a property was expected, not '{text}'", back=len(text))
        return text

    def _next(self) -> tuple[str, str]:
        found = TOKEN.match(self.text, self.position)
        if found is None:
            raise self._error("this cannot be read")
        self.position = found.end()
        kind = found.lastgroup
        assert kind is not None
        return kind, found[kind]

    def _peek(self, *marks: str) -> str | None:
        found = TOKEN.match(self.text, self.position)
        return found["mark"] if found and found["mark"] in marks else None

    def _take(self, *marks: str) -> str | None:
        mark = self._peek(*marks)
        if mark:
            self._next()
        return mark

    def _error(self, what: str, back: int = 0) -> ExpressionError:
        at = self.position - back
        here = self.text[at : at + 20].strip() or "its end"
        return ExpressionError(f"{what}, at character {at + 1} ({here}) of '{self.text}'")
