"""The formula that scales a pool: what it may say, and how many nodes it asks for.

A formula is a list of statements `name = expression;` with comments of `//`. This reads the language as it is
documented and evaluates the part of it that pools usually need: numbers, intervals, conditions, samples of
counts, and the functions in FUNCTIONS. What only Azure evaluates answers 501; what Azure would refuse is
refused. Sources: "Create a formula to automatically scale compute nodes in a Batch pool"; for the code of the
refusal, BatchErrorCodeStrings of Azure's SDK for .NET.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from localcloud.wire import AzureError, not_imitated

Value = float | list[float]
Names = Mapping[str, Value]
Expression = Callable[[Names], Value]

LIMIT = 8 * 1024
"""Most bytes of a formula."""
STATEMENTS = 100
TARGETS = ("$TargetDedicatedNodes", "$TargetLowPriorityNodes")
DEALLOCATION = "$NodeDeallocationOption"
OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
SECONDS = {"Zero": 0.0, "100ns": 1e-7, "Microsecond": 1e-6, "Millisecond": 1e-3, "Second": 1.0}
INTERVALS = {f"TimeInterval_{name}": value for name, value in SECONDS.items()} | {
    "TimeInterval_Minute": 60.0,
    "TimeInterval_Hour": 3600.0,
    "TimeInterval_Day": 86400.0,
    "TimeInterval_Week": 604800.0,
    "TimeInterval_Year": 31536000.0,
}
COUNTED = ("$PendingTasks", "$ActiveTasks", "$RunningTasks", "$CurrentDedicatedNodes")
"""The variables of the service that have samples here."""
UNCOUNTED = frozenset(
    f"${name}"
    for name in (
        *("CPUPercent", "WallClockSeconds", "MemoryBytes", "DiskBytes", "DiskReadBytes", "DiskWriteBytes"),
        *("DiskReadOps", "DiskWriteOps", "NetworkInBytes", "NetworkOutBytes", "SampleNodeCount"),
        *("SucceededTasks", "FailedTasks", "TaskSlotsPerNode", "CurrentLowPriorityNodes"),
        *("PreemptedNodeCount", "UsableNodeCount"),
    )
)
FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "min": min,
    "max": max,
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "len": lambda values: float(len(values)),
    "ceil": lambda values: float(math.ceil(values[0])),
    "floor": lambda values: float(math.floor(values[0])),
}
"""What each makes of all its numbers; an argument may be a list of them."""
UNKNOWN_FUNCTIONS = frozenset(
    (
        *("lg", "ln", "log", "norm", "percentile", "rand", "range", "round", "std", "stop", "time", "val"),
        *("startsWith", "endsWith", "strcmp"),
    )
)
TOKEN = re.compile(
    r"\s+|//[^\n]*|(?P<token>\d+(?:\.\d+)?|\$?[A-Za-z_]\w*|&&|\|\||[<>=!]=|[-+*/!<>?:(),;.=])", re.ASCII
)
OPERATORS: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"||": lambda a, b: float(bool(a or b))},
    {"&&": lambda a, b: float(bool(a and b))},
    {"==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b)},
    {
        "<": lambda a, b: float(a < b),
        "<=": lambda a, b: float(a <= b),
        ">": lambda a, b: float(a > b),
        ">=": lambda a, b: float(a >= b),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": lambda a, b: a / b if b else math.inf},
)
"""Operators of two numbers, by how tightly they bind."""


def invalid(why: str) -> AzureError:
    return AzureError(
        400,
        "AutoScalingFormulaSyntaxError",
        f"The specified autoscaling formula has a syntax error: {why}.",
        target="BatchAccount",
    )


def only_azure(what: str) -> AzureError:
    return not_imitated(f"a formula that scales a pool with {what}")


@dataclass(frozen=True)
class Formula:
    """A formula that can be evaluated: the name and the expression of each statement."""

    statements: tuple[tuple[str, Expression], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises AzureError 400 for a formula that Azure refuses, 501 for what is not evaluated here."""
        if len(text.encode()) > LIMIT:
            message = f"The autoscale formula is longer than {LIMIT} bytes."
            raise AzureError(400, "AutoScaleFormulaTooLong", message, target="BatchAccount")
        statements = Parser(tokens_of(text)).statements()
        if len(statements) > STATEMENTS:
            raise invalid(f"it has {len(statements)} statements, more than {STATEMENTS}")
        if not any(name in TARGETS for name, _ in statements):
            raise invalid(f"it sets neither {TARGETS[0]} nor {TARGETS[1]}")
        return cls(tuple(statements))

    def nodes(self, tasks: float, current: int = 0) -> int:
        """How many nodes the formula asks for. tasks: those that wait or run; current: nodes there are."""
        names: dict[str, Value] = {name: [float(tasks)] for name in COUNTED}
        names |= {"$CurrentDedicatedNodes": [float(current)], TARGETS[0]: float(current), TARGETS[1]: 0.0}
        for name, expression in self.statements:
            names[name] = expression(names)
        return sum(int(number(names[name])) for name in TARGETS if number(names[name]) > 0)

    def most(self) -> int:
        """How many nodes the formula asks for when there is no end of tasks."""
        return self.nodes(1e9)


def tokens_of(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise invalid(f"{text[at]!r} has no meaning, in line {text.count(chr(10), 0, at) + 1}")
        if found["token"]:
            tokens.append(found["token"])
        at = found.end()
    return tokens


class Parser:
    """Reads statements from tokens; `known` has the names that the statements so far have set."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [*tokens, ""]
        self._at = 0
        self._known = {*TARGETS}

    def statements(self) -> list[tuple[str, Expression]]:
        found = []
        while self._next:
            name = self._take()
            writable = name in TARGETS or name == DEALLOCATION
            if not re.match(r"\$?[A-Za-z_]", name) or (name.startswith("$") and not writable):
                raise invalid(f"{name!r} cannot be set")
            self._expect("=")
            found.append((name, self._option() if name == DEALLOCATION else self._ternary()))
            self._expect(";")
            self._known.add(name)
        return found

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, token: str) -> None:
        found = self._take()
        if found != token:
            raise invalid(f"{token!r} is expected, not {found or 'the end'!r}")

    def _option(self) -> Expression:
        option = self._take()
        if option not in OPTIONS:
            raise invalid(f"{DEALLOCATION} is one of {', '.join(OPTIONS)}, not {option!r}")
        return lambda _: 0.0

    def _ternary(self) -> Expression:
        condition = self._binary(0)
        if self._next != "?":
            return condition
        self._take()
        yes = self._ternary()
        self._expect(":")
        no = self._ternary()
        return lambda names: yes(names) if number(condition(names)) else no(names)

    def _binary(self, level: int) -> Expression:
        if level == len(OPERATORS):
            return self._unary()
        left = self._binary(level + 1)
        while operate := OPERATORS[level].get(self._next):
            self._take()
            left = applied(operate, left, self._binary(level + 1))
        return left

    def _unary(self) -> Expression:
        if self._next not in ("-", "!"):
            return self._operand()
        operator, of = self._take(), self._unary()
        if operator == "-":
            return lambda names: -number(of(names))
        return lambda names: float(not number(of(names)))

    def _operand(self) -> Expression:
        word = self._take()
        if word == "(":
            inner = self._ternary()
            self._expect(")")
            return inner
        if word[:1].isdigit():
            return constant(float(word))
        if word in INTERVALS:
            return constant(INTERVALS[word])
        if self._next == "(":
            return self._call(word)
        if word in COUNTED:
            return self._sample(word)
        if word in UNCOUNTED:
            raise only_azure(word)
        if word not in self._known:
            raise invalid(f"{word or 'the end'!r} is not defined")
        return lambda names: names[word]

    def _call(self, name: str) -> Expression:
        if name in UNKNOWN_FUNCTIONS:
            raise only_azure(f"the function {name}")
        if name not in FUNCTIONS:
            raise invalid(f"the function {name!r} is unknown")
        function, arguments = FUNCTIONS[name], self._arguments()
        return lambda names: function([each for given in arguments for each in listed(given(names))])

    def _sample(self, name: str) -> Expression:
        """Methods of a variable. The only sample there is here is that of this moment, and it is complete."""
        self._expect(".")
        method = self._take()
        if method not in ("GetSample", "GetSamplePercent"):
            raise only_azure(f"{name}.{method}")
        self._arguments()
        return (lambda names: names[name]) if method == "GetSample" else constant(100.0)

    def _arguments(self) -> list[Expression]:
        self._expect("(")
        found = [self._ternary()]
        while self._next == ",":
            self._take()
            found.append(self._ternary())
        self._expect(")")
        return found


def applied(operate: Callable[[float, float], float], left: Expression, right: Expression) -> Expression:
    return lambda names: operate(number(left(names)), number(right(names)))


def constant(value: float) -> Expression:
    return lambda _: value


def number(value: Value) -> float:
    """The number that a value is; a list of one sample counts as that sample."""
    if isinstance(value, float):
        return value
    if len(value) == 1:
        return value[0]
    raise only_azure("arithmetic on lists")


def listed(value: Value) -> list[float]:
    return value if isinstance(value, list) else [value]
