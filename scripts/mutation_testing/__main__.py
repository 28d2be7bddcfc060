"""Change one thing in the product and see whether a test fails, for a seeded sample of such changes.

    python -m scripts.mutation_testing [--seed 1] [--count 500] [--minutes 60] [--only PATH ...]

Results are kept in .mutants/state.json: a second call goes on where the first was stopped, and tries
survivors again when a test has changed. The report is printed and written to .mutants/report.txt. The exit
code is 0 if all mutants of the sample were tried.
"""

import argparse
import contextlib
import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.mutation_testing.execution import ROOT, Pool, Task, copy_repository, record_coverage
from scripts.mutation_testing.holding import held_fixtures
from scripts.mutation_testing.mutations import Mutant, find_mutants
from scripts.mutation_testing.recording import FOLDERS
from scripts.mutation_testing.selection import Coverage
from scripts.mutation_testing.state import State

FOLDER = ROOT / ".mutants"
# It needs a cloud, so it runs only for mutants that survive the unit tests.
SLOW_SUITE = "tests/integration/product"
SUITES = ("tests/unit", SLOW_SUITE)
PROCESSES = 2


@dataclass(frozen=True)
class Sample:
    """The mutants to try, with the tests of each by suite; at least one test passes each mutant's line."""

    mutants: list[Mutant]
    tests: dict[str, dict[str, list[str]]]


def read_files(*folders: str) -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def measured_coverage(trees: list[Path], digest: str) -> Path:
    """The file of recorded coverage for the present sources and tests, measured if it does not exist."""
    path = FOLDER / f"coverage-{digest}.json"
    if not path.exists():
        for old in FOLDER.glob("coverage-*"):
            old.unlink()
        print("Running all tests once, without a mutant...", flush=True)
        began = time.monotonic()
        partial = FOLDER / "coverage-partial.json"
        record_coverage(trees[0], SUITES, partial)
        partial.replace(path)
        print(f"This took {time.monotonic() - began:.0f} s.", flush=True)
    return path


def draw(candidates: Iterable[Mutant], coverage: Coverage, seed: int, count: int) -> Sample:
    """The first `count` covered mutants in an order that the seed and each mutant alone decide.

    So a larger sample contains a smaller one, and a change of one file leaves the rest of the sample alone.
    """
    sample = Sample([], {})
    for mutant in sorted(candidates, key=lambda each: hashlib.sha256(f"{seed} {each.key}".encode()).digest()):
        if len(sample.mutants) == count:
            break
        tests = coverage.select(mutant)
        if tests and compiles(mutant.apply((ROOT / mutant.path).read_text())):
            sample.mutants.append(mutant)
            sample.tests[mutant.key] = {
                suite: [test for test in tests if test.startswith(f"{suite}/")] for suite in SUITES
            }
    return sample


def compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def open_tasks(sample: Sample, coverage: Coverage, state: State, suite: str, end: float) -> Iterator[Task]:
    """What of one suite is still to be run, until `end` on the monotonic clock."""
    for mutant in sample.mutants:
        tests = sample.tests[mutant.key][suite]
        if time.monotonic() > end:
            return
        if tests and state.is_open(mutant, suite):
            yield Task(mutant, tuple(tests), coverage.duration(tests))


def is_finished(mutant: Mutant, sample: Sample, state: State) -> bool:
    return not any(
        tests and state.is_open(mutant, suite) for suite, tests in sample.tests[mutant.key].items()
    )


def report(sample: Sample, state: State) -> str:
    mutants = sample.mutants
    waiting = sum(1 for each in mutants if not is_finished(each, sample, state))
    killed, timed_out = state.count(mutants, "killed"), state.count(mutants, "timeout")
    lines: list[str] = []
    for mutant in sorted(mutants, key=lambda each: (each.path, each.lines)):
        result = state.get(mutant)
        if result and result.verdict in ("survived", "error"):
            title = f"{mutant.path}:{mutant.lines[0]} {mutant.function}: {result.verdict} {result.detail}"
            lines += ["", title.strip(), mutant.diff((ROOT / mutant.path).read_text())]
            for suite in result.suites:
                tests = sample.tests[mutant.key][suite]
                lines.append(f"tests of {suite} that ran, {len(tests)}:")
                lines += [f"    {test}" for test in tests[:10]]
                lines += [f"    and {len(tests) - 10} more"] * (len(tests) > 10)
    return "\n".join(
        [
            *lines,
            "",
            f"made: {len(mutants)}",
            f"killed: {killed + timed_out} (of which timed out: {timed_out})",
            f"survived: {state.count(mutants, 'survived')}",
            f"errors: {state.count(mutants, 'error')}",
            f"not finished: {waiting}" + (" (the same command goes on)" if waiting else ""),
        ]
    )


def parsed(arguments: list[str]) -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which sample is drawn")
    parser.add_argument("--count", type=int, default=500, help="how many mutants are drawn")
    parser.add_argument("--minutes", type=float, default=60, help="when to stop; the next call goes on")
    parser.add_argument(
        "--only", nargs="+", default=FOLDERS, help="folders or files to mutate", metavar="PATH"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    end = time.monotonic() + 60 * options.minutes
    # A stopped run ends its children too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    FOLDER.mkdir(exist_ok=True)
    sources, test_files = read_files(*FOLDERS), read_files("tests")
    digest = hashlib.sha256(json.dumps([sources, test_files]).encode()).hexdigest()[:16]
    trees = [FOLDER / f"tree-{index}" for index in range(PROCESSES)]
    for tree in trees:
        copy_repository(tree)
    recorded = json.loads(measured_coverage(trees, digest).read_text())
    for name in recorded["failed"]:
        print(f"not used, as it does not pass without a mutant: {name}")
    coverage = Coverage(recorded, sources, test_files)
    only = tuple(str(each).rstrip("/") for each in options.only)
    candidates = [
        mutant
        for path, source in sources.items()
        if path in only or path.startswith(tuple(f"{each}/" for each in only))
        for mutant in find_mutants(path, source)
    ]
    sample = draw(candidates, coverage, options.seed, options.count)
    state = State(FOLDER / "state.json", digest)
    modules = FOLDER / "modules.json"
    modules.write_text(json.dumps(recorded["modules"]))
    pool = Pool(trees, modules)
    for suite in SUITES:
        with contextlib.ExitStack() as stack:
            if suite == SLOW_SUITE and next(open_tasks(sample, coverage, state, suite, end), None):
                stack.enter_context(held_fixtures(trees, suite))
            for task, outcome in pool.run(open_tasks(sample, coverage, state, suite, end)):
                state.add(task.mutant, suite, outcome)
                finished = sum(1 for each in sample.mutants if is_finished(each, sample, state))
                print(
                    f"{finished}/{len(sample.mutants)} {outcome.verdict} in {outcome.seconds:.1f} s:"
                    f" {task.mutant.path}:{task.mutant.lines[0]} {outcome.detail}",
                    flush=True,
                )
    text = report(sample, state)
    (FOLDER / "report.txt").write_text(text + "\n")
    print(text)
    return 0 if all(is_finished(each, sample, state) for each in sample.mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
