"""The grammar of conditions.

    chain      = unary ("AND" unary)* | unary ("OR" unary)*
    unary      = ("NOT" | "!") unary | "(" chain ")" | function | comparison
    function   = ("ActionMatches" | "SubOperationMatches") "{" text "}" | "Exists" attribute
    comparison = operand operator operand
    operand    = attribute | value | "{" value ("," value)* "}"
    attribute  = "@" source "[" name "]"

`&&` and `||` stand for AND and OR. These two need parentheses where they meet: Microsoft calls their order
ambiguous. Keywords and operators are read in any letter case, as Azure's built-in roles write them.
"""

import re
from dataclasses import dataclass

from localcloud.access.conditions.attributes import Attribute
from localcloud.access.conditions.errors import InvalidConditionError
from localcloud.access.conditions.operators import Operator
from localcloud.access.conditions.terms import (
    ActionMatches,
    And,
    Comparison,
    Condition,
    Exists,
    Literal,
    Not,
    Or,
    SubOperationMatches,
    Term,
)

_TOKEN = re.compile(
    r"'(?P<text>[^']*)'|@(?P<source>\w+)\[(?P<name>[^\]]+)\]|(?P<word>\w[\w:.-]*)|(?P<sign>&&|\|\||[(){},!])"
)
_SYNONYMS = {"&&": "and", "||": "or", "!": "not"}
_DEEPEST = 50
"""More parentheses than any person writes, and fewer than Python's stack holds."""


@dataclass(frozen=True)
class _Token:
    """kind: text, attribute, word (also for signs) or end. value: text, name, or word in small letters."""

    kind: str
    value: str
    words: str
    start: int


def parse(text: str) -> Condition:
    """Read a condition of version 2.0.

    Raises InvalidConditionError if it does not follow the grammar, and UnsupportedConditionError if it has an
    operator or attribute that localcloud does not know.
    """
    parser = _Parser(text)
    term = parser.chain()
    if not parser.stands_at(""):
        raise parser.unexpected("AND, OR, or the end")
    return Condition(text, term)


def _tokens(text: str) -> list[_Token]:
    found = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _TOKEN.match(text, at)
        if token is None:
            raise InvalidConditionError(f"At character {at + 1}: {text[at : at + 20]!r} is not understood.")
        if token["text"] is not None:
            kind, value = "text", token["text"]
        elif token["source"] is not None:
            kind, value = "attribute", token["name"]
        else:
            word = (token["word"] or token["sign"]).lower()
            kind, value = "word", _SYNONYMS.get(word, word)
        found.append(_Token(kind, value, token[0], at))
        at = token.end()
    return [*found, _Token("end", "", "the end", len(text))]


class _Parser:
    def __init__(self, text: str) -> None:
        self._rest = _tokens(text)[::-1]
        self._depth = 0

    def chain(self) -> Term:
        terms = [self._unary()]
        joiner = self._next.value if self.stands_at("and") or self.stands_at("or") else ""
        while joiner and self._took(joiner):
            terms.append(self._unary())
        if self.stands_at("and") or self.stands_at("or"):
            raise self.unexpected("parentheses (AND and OR meet here, and their order is ambiguous)")
        if not joiner:
            return terms[0]
        return And(tuple(terms)) if joiner == "and" else Or(tuple(terms))

    def _unary(self) -> Term:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.unexpected(f"at most {_DEEPEST} nested terms")
        try:
            if self._took("not"):
                return Not(self._unary())
            if self._took("("):
                term = self.chain()
                self._expect(")")
                return term
            return self._function() or self._comparison()
        finally:
            self._depth -= 1

    def _function(self) -> Term | None:
        if self._took("actionmatches"):
            return ActionMatches(self._pattern())
        if self._took("suboperationmatches"):
            return SubOperationMatches(self._pattern())
        if self._took("exists"):
            return Exists(self._attribute())
        return None

    def _pattern(self) -> str:
        self._expect("{")
        if self._next.kind != "text":
            raise self.unexpected("a text in quotes")
        pattern = self._rest.pop().value
        self._expect("}")
        return pattern

    def _comparison(self) -> Term:
        left = self._operand()
        if self._next.kind != "word" or not self._next.words[0].isalpha():
            raise self.unexpected("an operator")
        operator = Operator.of(self._rest.pop().words)
        right = self._operand()
        for each in (left, right):
            if isinstance(each, Literal):
                operator.check(each.values, each.is_set)
        return Comparison(left, operator, right)

    def _operand(self) -> Attribute | Literal:
        if self._next.kind == "attribute":
            return self._attribute()
        if not self._took("{"):
            return Literal((self._value(),), is_set=False)
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._expect("}")
        return Literal(tuple(values), is_set=True)

    def _attribute(self) -> Attribute:
        if self._next.kind != "attribute":
            raise self.unexpected("an attribute")
        token = self._rest.pop()
        return Attribute.of(token.words[1:].partition("[")[0], token.value)

    def _value(self) -> str | bool:
        if self.stands_at("true") or self.stands_at("false"):
            return self._rest.pop().value == "true"
        is_guid = self._next.kind == "word" and re.fullmatch(r"[0-9a-f-]{32,36}", self._next.value)
        if self._next.kind == "text" or is_guid:
            return self._rest.pop().value
        raise self.unexpected("a value")

    @property
    def _next(self) -> _Token:
        return self._rest[-1]

    def stands_at(self, word: str) -> bool:
        return self._next.value == word and self._next.kind in ("word", "end")

    def _took(self, word: str) -> bool:
        took = self.stands_at(word)
        if took:
            self._rest.pop()
        return took

    def _expect(self, word: str) -> None:
        if not self._took(word):
            raise self.unexpected(repr(word))

    def unexpected(self, wanted: str) -> InvalidConditionError:
        found = self._next
        return InvalidConditionError(
            f"At character {found.start + 1}: expected {wanted}, found {found.words}."
        )
