"""What is known of each mutant, in one file that is written after every outcome."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.mutation_testing.execution import Outcome, Verdict
from scripts.mutation_testing.mutations import Mutant


@dataclass(frozen=True)
class Result:
    """The verdict on one mutant after all of `suites`; `digest` stands for the sources and tests used."""

    verdict: Verdict
    detail: str
    seconds: float
    suites: tuple[str, ...]
    digest: str


class State:
    """Results by mutant. A mutant's key changes with its file, so a result never belongs to other code."""

    def __init__(self, path: Path, digest: str) -> None:
        """`digest` stands for the present sources and tests."""
        self._path = path
        self._digest = digest
        self._results: dict[str, Result] = {}
        if path.exists():
            for key, stored in json.loads(path.read_text()).items():
                self._results[key] = Result(**stored | {"suites": tuple(stored["suites"])})

    def get(self, mutant: Mutant) -> Result | None:
        """The result. A survivor has none any more once a source or a test has changed: it is tried again."""
        result = self._results.get(mutant.key)
        if result and (result.verdict in ("killed", "timeout") or result.digest == self._digest):
            return result
        return None

    def is_open(self, mutant: Mutant, suite: str) -> bool:
        """Whether the suite's tests have yet to run for the mutant."""
        result = self.get(mutant)
        return result is None or (result.verdict == "survived" and suite not in result.suites)

    def add(self, mutant: Mutant, suite: str, outcome: Outcome) -> None:
        before = self.get(mutant)
        suites, seconds = (before.suites, before.seconds) if before else ((), 0.0)
        self._results[mutant.key] = Result(
            outcome.verdict,
            outcome.detail,
            round(seconds + outcome.seconds, 2),
            (*suites, suite),
            self._digest,
        )
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps({key: asdict(each) for key, each in self._results.items()}, indent=1))
        partial.replace(self._path)

    def count(self, mutants: Iterable[Mutant], verdict: Verdict) -> int:
        return sum(1 for each in mutants if (result := self.get(each)) and result.verdict == verdict)
