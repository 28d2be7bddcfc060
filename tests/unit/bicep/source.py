"""Bicep files as syntax trees, for checks that need no compiler.

The grammar is tree-sitter-bicep. It supports neither the spread operator nor an import directly after a
nullable parameter; the templates use neither. It does not know the type of a variable, nor resourceInput, so
these are blanked before it reads a file. It checks no types; only the compiler does.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[3]
BICEP = ROOT / "bicep"
FILES = sorted(BICEP.rglob("*.bicep"))
MODULE_FILES = sorted((BICEP / "modules").glob("*.bicep"))

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_TYPE_OF_A_VARIABLE = re.compile(r"(?m)(?<=^var )(\w+)( \w+)(?= =)")
_RESOURCE_INPUT = re.compile(r"resourceInput<'[^']*'>(?:\.\w+)*")


def text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def parsed(content: str) -> Node:
    """The tree of a file. What the grammar does not know is blanked, so that every position stays right."""
    known = _TYPE_OF_A_VARIABLE.sub(lambda found: found[1] + " " * len(found[2]), content)
    known = _RESOURCE_INPUT.sub(lambda found: "object".ljust(len(found[0])), known)
    return _PARSER.parse(known.encode()).root_node


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


@dataclass(frozen=True)
class Declared:
    """A param, var, resource, module, output, type, func or import of a file. given: its string literal."""

    kind: str
    name: str
    given: str
    node: Node

    def body(self) -> Node:
        """The object of a resource or module, also inside a condition or a loop."""
        return next(each for each in walk(self.node) if each.type == "object")

    def properties(self) -> dict[str, Node]:
        return properties(self.body())


def properties(node: Node) -> dict[str, Node]:
    """The values of an object by property name, without nested resources."""
    found: dict[str, Node] = {}
    for each in node.children:
        if each.type == "object_property" and each.named_children[0].type != "resource_declaration":
            found[text(each.named_children[0]).strip("'")] = each.named_children[-1]
    return found


@dataclass(frozen=True)
class Source:
    path: Path
    content: str
    root: Node

    @functools.cached_property
    def declared(self) -> list[Declared]:
        return list(self._declared())

    def _declared(self) -> Iterator[Declared]:
        for node in walk(self.root):
            if node.type.endswith("_declaration") and node.is_named:
                names = [each for each in node.named_children if each.type == "identifier"]
                strings = [each for each in node.named_children if each.type in ("string", "import_string")]
                if names:
                    given = text(strings[0]).strip("'") if strings else ""
                    yield Declared(node.type.removesuffix("_declaration"), text(names[0]), given, node)

    def of(self, kind: str) -> list[Declared]:
        return [each for each in self.declared if each.kind == kind]

    @property
    def imported(self) -> dict[str, str]:
        """Imported names, each with the file that it comes from."""
        found: dict[str, str] = {}
        for names, file in re.findall(r"^import \{([^}]*)\} from '([^']+)'", self.content, re.MULTILINE):
            found |= {name.strip(): file for name in names.split(",")}
        return found

    @property
    def errors(self) -> list[str]:
        return [
            f"{self.path.name}:{node.start_point.row + 1}: {text(node)[:60]}"
            for node in walk(self.root)
            if node.type == "ERROR" or node.is_missing
        ]


@functools.cache
def source(path: Path) -> Source:
    content = path.read_text()
    return Source(path, content, parsed(content))


def sources() -> list[Source]:
    return [source(path) for path in FILES]
