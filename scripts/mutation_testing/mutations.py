"""The mutants of one source file: small edits of its syntax tree, each a replacement of one piece of text."""

import ast
import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}
CLEANERS = {"strip", "lstrip", "rstrip", "lower", "upper", "casefold"}
LOGGERS = {"log", "logger", "logging"}
# The node whose text is replaced, and the new text.
type Edit = tuple[ast.expr | ast.stmt | ast.keyword, str]
TYPING = {"dataclass", "TypeVar", "NewType", "getLogger"}


@dataclass(frozen=True)
class Mutant:
    """One edit: the bytes from `start` to `end` become `replacement`.

    `lines` are the line of the edit and the first line of its statement. `names` are the functions and
    classes that contain it, and what its statement assigns if it is outside a function.
    """

    path: str
    lines: tuple[int, ...]
    function: str
    names: tuple[str, ...]
    at_import: bool
    start: int
    end: int
    replacement: str
    source_digest: str

    @property
    def key(self) -> str:
        """Identifies the edit for as long as its file stays as it is."""
        parts = (self.path, self.source_digest, str(self.start), str(self.end), self.replacement)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def apply(self, source: str) -> str:
        data = source.encode()
        return (data[: self.start] + self.replacement.encode() + data[self.end :]).decode()

    def diff(self, source: str) -> str:
        changed = self.apply(source)
        lines = unified_diff(
            source.splitlines(), changed.splitlines(), self.path, self.path, n=1, lineterm=""
        )
        return "\n".join(lines)


def find_mutants(path: str, source: str) -> list[Mutant]:
    """Every mutant of a file, in the order of the source."""
    finder = _Finder(path, source)
    finder.visit(ast.parse(source))
    return finder.found


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.found: list[Mutant] = []
        self._digest = hashlib.sha256(source.encode()).hexdigest()[:16]
        self._data = source.encode()
        self._offsets = [0]
        for line in self._data.splitlines(keepends=True):
            self._offsets.append(self._offsets[-1] + len(line))
        self._statement = 1
        self._scope: list[str] = []
        self._functions = 0
        self._targets: tuple[str, ...] = ()
        self._raising = False

    def visit(self, node: ast.AST) -> None:
        if _is_excluded(node):
            return
        outer = self._statement, self._targets, self._raising
        if isinstance(node, ast.stmt):
            self._statement = node.lineno
            self._raising = isinstance(node, ast.Raise)
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self._targets = tuple(
                    each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)
                )
        for target, replacement in _edits(node, self._raising):
            self._add(target, replacement)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._visit_function(node)
        elif isinstance(node, ast.ClassDef):
            self._scope.append(node.name)
            self.generic_visit(node)
            self._scope.pop()
        else:
            for each in _children(node):
                self.visit(each)
        self._statement, self._targets, self._raising = outer

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._scope.append(node.name)
        # Decorators and defaults run when the function is defined.
        for each in (*node.decorator_list, node.args):
            self.visit(each)
        self._functions += 1
        for statement in node.body:
            self.visit(statement)
        self._functions -= 1
        self._scope.pop()

    def _add(self, node: ast.expr | ast.stmt | ast.keyword, replacement: str) -> None:
        if node.end_lineno is None or node.end_col_offset is None:
            return
        start = self._offsets[node.lineno - 1] + node.col_offset
        end = self._offsets[node.end_lineno - 1] + node.end_col_offset
        if self._data[start:end].decode() == replacement:
            return
        self.found.append(
            Mutant(
                path=self.path,
                lines=tuple(dict.fromkeys((node.lineno, self._statement))),
                function=".".join(self._scope),
                names=tuple(self._scope) if self._functions else (*self._targets, *self._scope),
                at_import=not self._functions,
                start=start,
                end=end,
                replacement=replacement,
                source_digest=self._digest,
            )
        )


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Those that run: no annotation, and no None that something is compared with by identity."""
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "type_params"):
            for each in value if isinstance(value, list) else [value]:
                none = isinstance(each, ast.Constant) and each.value is None
                if isinstance(each, ast.AST) and not (none and isinstance(node, ast.Compare)):
                    yield each


def _is_excluded(node: ast.AST) -> bool:
    """Docstrings, logging, `__all__`, imports, assertions and whatever only a type checker reads."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.TypeAlias() | ast.Assert() | ast.Global() | ast.Nonlocal():
            return True
        case ast.Expr(value=ast.Constant()) | ast.Name(id="dataclass"):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Call() as call):
            return _is_excluded(call)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner)) as func):
            return owner in LOGGERS or func.attr in TYPING
        case ast.Call(func=ast.Name(id=name)):
            return name in TYPING
    return False


def _edits(node: ast.AST, raising: bool) -> Iterator[Edit]:
    """What may replace which part of one node, its children not counted."""
    match node:
        case ast.If() | ast.IfExp():
            yield from _conditions(node.test)
        case ast.While():
            yield node.test, "False"
        case ast.comprehension():
            for each in node.ifs:
                yield from _conditions(each)
        case ast.ExceptHandler(type=ast.expr() as caught):
            yield from _caught(caught)
        case ast.Constant():
            yield from ((node, text) for text in _constants(node.value, raising))
        case ast.stmt():
            yield from _statements(node)
        case ast.expr():
            yield from _expressions(node)


def _conditions(test: ast.expr) -> Iterator[Edit]:
    if not isinstance(test, ast.Constant):
        yield test, "True"
        yield test, "False"


def _caught(caught: ast.expr) -> Iterator[Edit]:
    yield caught, "()"
    if isinstance(caught, ast.Tuple) and len(caught.elts) > 1:
        for index in range(len(caught.elts)):
            kept = copy.copy(caught)
            kept.elts = caught.elts[:index] + caught.elts[index + 1 :]
            yield caught, ast.unparse(kept)


def _constants(value: object, raising: bool) -> list[str]:
    match value:
        case bool():
            return [str(not value)]
        case int() | float():
            return [repr(value + 1)] + ([repr(value * 10)] if abs(value) > 1 else [])
        case str():
            # Prose is for people; the tests hold codes, names and values.
            prose = value.count(" ") > (0 if raising else 1)
            return [] if prose else [repr(f"{value}XX")]
        case bytes():
            return [repr(value + b"XX")]
        case None:
            return ['""']
    return []


def _statements(node: ast.stmt) -> Iterator[Edit]:
    match node:
        case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
            yield node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "pass"
        case ast.Assign(value=(ast.Call() | ast.Await()) as value):
            yield value, "None"
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield value, "None"


def _expressions(node: ast.expr) -> Iterator[Edit]:
    changed = copy.copy(node)
    match node, changed:
        case ast.Compare(), ast.Compare():
            for index, operator in enumerate(node.ops):
                changed.ops = [*node.ops[:index], COMPARISONS[type(operator)](), *node.ops[index + 1 :]]
                yield node, ast.unparse(changed)
        case ast.BoolOp(), ast.BoolOp():
            changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, f"({ast.unparse(changed)})"
            changed.op = node.op
            for index in range(len(node.values)):
                changed.values = node.values[:index] + node.values[index + 1 :]
                only = changed.values[0] if len(changed.values) == 1 else changed
                yield node, f"({ast.unparse(only)})"
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand), _:
            if not isinstance(operand, ast.Constant):
                yield node, f"({ast.unparse(operand)})"
        case ast.BinOp(op=ast.BitOr(), left=left), _:
            yield node, f"({ast.unparse(left)})"
        case ast.BinOp(), ast.BinOp() if type(node.op) in ARITHMETIC:
            texts = (ast.JoinedStr, ast.List, ast.Tuple)
            if not any(
                isinstance(side, texts)
                or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
                for side in (node.left, node.right)
            ):
                changed.op = ARITHMETIC[type(node.op)]()
                yield node, f"({ast.unparse(changed)})"
        case ast.Call(), _:
            yield from _calls(node)


def _calls(node: ast.Call) -> Iterator[Edit]:
    match node.func:
        case ast.Name(id=name) if name in OPPOSITES:
            yield node.func, OPPOSITES[name]
        case ast.Attribute(attr=attribute, value=value) if attribute in CLEANERS and not node.args:
            yield node, ast.unparse(value)
    for keyword in node.keywords:
        if keyword.arg is not None:
            # No argument at all, whether a comma follows or not.
            yield keyword, "**{}"
