"""Which tests run for a mutant: those that pass its line, the quickest first."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from scripts.mutation_testing.mutations import Mutant


class Coverage:
    """What scripts.mutation_testing.recording wrote, by line of the product."""

    def __init__(
        self, recorded: Mapping[str, Any], sources: Mapping[str, str], test_files: Mapping[str, str]
    ) -> None:
        self._sources = sources
        self._test_files = test_files
        self._seconds: dict[str, float] = {}
        self._shared: dict[str, list[str]] = {}
        self._fixtures: dict[str, float] = recorded["shared"]
        self._tests: dict[tuple[str, int], set[str]] = defaultdict(set)
        for name, test in recorded["tests"].items():
            self._seconds[name] = test["seconds"]
            self._shared[name] = test["shared"]
            for path, lines in test["lines"].items():
                for line in lines:
                    self._tests[path, line].add(name)
        self._imported = {(path, line) for path, lines in recorded["imported"].items() for line in lines}
        self._executable = {path: set(_executable_lines(source)) for path, source in sources.items()}

    def select(self, mutant: Mutant) -> list[str]:
        """The tests of a mutant, the cheapest file first. A file's tests stay together to share fixtures."""
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in sorted(self._covering(mutant), key=lambda each: (self._seconds[each], each)):
            by_file[test.split("::")[0]].append(test)
        files = sorted(by_file.values(), key=lambda tests: (self.duration(tests), tests))
        return [test for tests in files for test in tests]

    def duration(self, tests: Sequence[str]) -> float:
        """In seconds, with the fixtures that the tests share and without the start of pytest."""
        fixtures = {name for test in tests for name in self._shared[test]}
        return sum(map(self._seconds.__getitem__, tests)) + sum(map(self._fixtures.__getitem__, fixtures))

    def _covering(self, mutant: Mutant) -> set[str]:
        path = mutant.path
        # A line without an instruction of its own runs with its statement.
        line = next((each for each in mutant.lines if each in self._executable[path]), mutant.lines[-1])
        if mutant.at_import or ((path, line) in self._imported and not self._tests[path, line]):
            # Code that runs at import runs for all tests alike: those that use what it defines are the ones.
            return self._using(mutant.names) if mutant.names else self._of_file(path)
        if (path, line) in self._imported:
            # What a function made at import, tests use that do not call it.
            return self._tests[path, line] | self._of_file(path)
        return self._tests[path, line]

    def _using(self, names: Iterable[str]) -> set[str]:
        word = re.compile(rf"\b(?:{'|'.join(re.escape(each) for each in names)})\b")
        found: set[str] = set()
        for path, source in self._sources.items():
            for number, line in enumerate(source.splitlines(), start=1):
                if word.search(line):
                    found |= self._tests[path, number]
        files = {path for path, source in self._test_files.items() if word.search(source)}
        return found | {test for test in self._seconds if test.split("::")[0] in files}

    def _of_file(self, path: str) -> set[str]:
        return {test for (each, _), tests in self._tests.items() if each == path for test in tests}


def _executable_lines(source: str) -> Iterator[int]:
    codes = [compile(source, "source", "exec", dont_inherit=True)]
    while codes:
        code = codes.pop()
        yield from (line for _, _, line in code.co_lines() if line is not None)
        codes += [each for each in code.co_consts if isinstance(each, CodeType)]
