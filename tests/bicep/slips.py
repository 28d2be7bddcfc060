"""Change one word of the templates at a time: does anything notice?

    make slips                                   # all slips, five minutes
    make slips ARGS="--count 100 --seed 2"       # some of them
    make slips ARGS="--only modules/batch.bicep:60"

A slip is a wrong name of a property or of something that is read, or a wrong value of a list. Three
things may notice it, in this order: the compiler with its linter, the types checker if it is there, and the
claims of tests/bicep/claims. One process of the compiler serves them all.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import io
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from scripts.bicep_compiler import MISSING, BicepError, Compiler, find_compiler, find_types_checker
from scripts.bicep_snapshots import FOLDER, snapshot_of, text
from tests.bicep.claims import CLAIMS
from tests.bicep.deployed import of_case
from tests.checkout import CHECKOUT

BICEP = CHECKOUT / "bicep"
PROPERTY = re.compile(r"^(\s+)([A-Za-z_]\w*)(?=\s*\??:\s)")
CHECKED_ELSEWHERE = {"name", "scope", "params", "parent"}
"""Words of the language itself in a resource or module, without which nothing compiles."""
READ = re.compile(
    r"\b(?:names|keys|roles|vaultEntries|defaults)\.[A-Za-z]\w*"
    r"|\b\w+\.outputs\.[A-Za-z]\w*|\.properties\.[A-Za-z]\w*"
)
VALUE = re.compile(
    r"'(Standard|Enabled|Disabled|Allow|Deny|TLS1_2|UserAssigned|ManagedIdentity|StorageV2|Hot|ServicePrincipal"
    r"|Dedicated|Linux|EventGridSchema|Pack|AAD|BatchService|None)(?=')"
)
EVENTS = ("events.bicep", "modules/subscriptions.bicep")
"""The files that main.bicep does not deploy."""
BROKEN = (LookupError, TypeError, ValueError, AttributeError)
"""How a claim fails about resources that lack what it reads."""


@dataclass(frozen=True)
class Slip:
    """A wrong end of one word. file: in the folder bicep. line: from 1. end: of the word in the line."""

    file: str
    line: int
    kind: str
    word: str
    end: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind} {self.word}"

    def apply(self, content: str) -> str:
        lines = content.split("\n")
        line = lines[self.line - 1]
        lines[self.line - 1] = f"{line[: self.end]}Zz{line[self.end :]}"
        return "\n".join(lines)


def slips_of(file: str, content: str) -> Iterator[Slip]:
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip().startswith(("//", "@description")):
            continue
        if (found := PROPERTY.match(line)) and found[2] not in CHECKED_ELSEWHERE:
            yield Slip(file, number, "property", found[2], found.end())
        for read in READ.finditer(line):
            yield Slip(file, number, "read", read[0], read.end())
        if value := VALUE.search(line):
            yield Slip(file, number, "value", value[1], value.end())


def all_slips() -> list[Slip]:
    return [
        slip
        for path in sorted(BICEP.rglob("*.bicep"))
        for slip in slips_of(path.relative_to(BICEP).as_posix(), path.read_text())
    ]


def draw(slips: list[Slip], seed: int, count: int) -> list[Slip]:
    """Some of the slips, in an order that the seed and each slip alone decide.

    So a larger sample contains a smaller one, and a change of one file leaves the rest of the sample alone.
    """
    return sorted(slips, key=lambda each: hashlib.sha256(f"{seed} {each}".encode()).digest())[:count]


class Watch:
    """All that may notice a slip. It works on a copy of the templates in `folder`."""

    def __init__(self, compiler: Compiler, folder: Path) -> None:
        self._compiler = compiler
        self._bicep = folder / "bicep"
        self._cases = folder / "tests" / "bicep"
        shutil.copytree(BICEP, self._bicep)
        shutil.copytree(FOLDER, self._cases, ignore=shutil.ignore_patterns("*.py", "__pycache__", "claims"))
        self._checker = types_checker()

    def noticed_by(self, slip: Slip) -> str:
        """The compiler, types checker or claim that notices the slip; "" if nothing does."""
        path = self._bicep / slip.file
        right = path.read_text()
        path.write_text(slip.apply(right))
        try:
            return self._compiler_notices(slip) or self._checker_notices() or self._claim_notices(slip)
        finally:
            path.write_text(right)

    def _compiler_notices(self, slip: Slip) -> str:
        entry = "events.bicep" if slip.file in EVENTS else "main.bicep"
        return "compiler" if self._compiler.build(self._bicep / entry).diagnostics else ""

    def _checker_notices(self) -> str:
        return "types checker" if self._checker and self._checker(self._bicep) else ""

    def _claim_notices(self, slip: Slip) -> str:
        # The case in which most is given shows most.
        cases = sorted(self._cases.glob("*.bicepparam"), key=lambda each: (each.stem != "everything", each))
        affected = [each for each in cases if (each.stem == "events") == (slip.file in EVENTS)]
        deploys_the_same = True
        for case in cases if slip.file == "names.bicep" else affected:
            try:
                snapshot = self._compiler.snapshot(case)
            except BicepError:
                return f"evaluation of {case.stem}"
            deploys_the_same &= text(snapshot) == snapshot_of(case).read_text()
            deployed = of_case(case, snapshot)
            for claim in CLAIMS:
                try:
                    wrong = any(True for _ in claim(deployed))
                except BROKEN:
                    wrong = True
                if wrong:
                    return claim.__name__
        return "no effect" if deploys_the_same else ""


def types_checker() -> Callable[[Path], bool] | None:
    """A function that says whether the types checker finds something in a folder; None where it is absent."""
    path = find_types_checker()
    if path is None:
        return None
    specification = importlib.util.spec_from_file_location("check_azure_types", path)
    assert specification is not None
    assert specification.loader is not None
    module: ModuleType = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    def finds(folder: Path) -> bool:
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()):
            module.main(["bicep", "--strict", "--closed", "--quiet", str(folder)])
        return bool(said.getvalue().strip())

    return finds


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make slips", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which sample is drawn")
    parser.add_argument("--count", type=int, help="how many slips are tried; default: all")
    parser.add_argument(
        "--only", default="", help="how the slips begin that are tried: a file, a line", metavar="FILE:LINE"
    )
    options = parser.parse_args(arguments)
    program = find_compiler()
    if program is None:
        print(f"slips: {MISSING}", file=sys.stderr)
        return 2
    candidates = [each for each in all_slips() if str(each).startswith(options.only)]
    sample = draw(candidates, options.seed, options.count or len(candidates))
    by: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, Compiler(program) as compiler:
        watch = Watch(compiler, Path(folder))
        for number, slip in enumerate(sample, 1):
            noticed = watch.noticed_by(slip)
            by[noticed or "nothing"] += 1
            if not noticed or number % 100 == 0:
                print(f"{number}/{len(sample)} {slip}: noticed by {noticed or 'nothing'}", flush=True)
    for name, count in by.most_common():
        print(f"{count:5} noticed by {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
