"""Runs the tests of one mutant in a copy of the repository, in a process forked from one that is warm.

The warm process has imported the third-party modules and nothing of the product. The child imports the
product from its copy, in which the mutant's file is changed, and so do the processes that its tests start.
"""

import importlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

import pytest

from scripts.mutation_testing.holding import Borrower, fixture_values
from scripts.mutation_testing.mutations import Mutant

ROOT = Path(__file__).resolve().parents[2]
SHARED = (".venv", ".venv-trainer", "node_modules", ".tools")
# A mutant that takes longer counts as an endless loop. pytest takes time to start, and machines are busy.
SPARE_SECONDS = 30
SLOWDOWN = 8

type Verdict = Literal["killed", "survived", "timeout", "error"]


@dataclass(frozen=True)
class Task:
    """A mutant and the tests to run, with how long they took without it, in seconds."""

    mutant: Mutant
    tests: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant; `detail` is the test that killed it, or the error."""

    verdict: Verdict
    detail: str
    seconds: float


def copy_repository(tree: Path) -> None:
    """Makes `tree` hold the repository's files, those not committed as well, but none that Git ignores."""
    if tree.exists():
        shutil.rmtree(tree)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the user's Git
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    for name in SHARED:
        if (ROOT / name).exists():
            (tree / name).symlink_to(ROOT / name, target_is_directory=True)


def record_coverage(tree: Path, suites: Iterable[str], report: Path) -> None:
    """Runs all tests of `suites` in `tree` and writes `report`; see scripts.mutation_testing.recording."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "scripts.mutation_testing.recording", *suites]
    with report.with_suffix(".log").open("wb") as log:
        done = subprocess.run(
            command,
            cwd=tree,
            check=False,
            env=os.environ | {"MUTATION_COVERAGE": str(report)},
            stdout=log,
            stderr=log,
        )
    if done.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the tests could not run without a mutant: read {report.with_suffix('.log')}")


class Pool:
    """Runs tasks, one for each copy of the repository at a time."""

    def __init__(self, trees: Iterable[Path], modules: Path) -> None:
        """`modules` is the JSON list of what the warm process imports."""
        os.environ["MUTATION_MODULES"] = str(modules)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["scripts.mutation_testing.warm"])
        self._free = list(trees)
        self._serial = 0

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Yields outcomes as they come. Closing the generator ends what still runs."""
        waiting = iter(tasks)
        running: dict[int, _Run] = {}
        try:
            while True:
                while self._free and (task := next(waiting, None)):
                    self._serial += 1
                    run = _Run(self._context, task, self._free.pop(), self._serial)
                    running[run.process.sentinel] = run
                if not running:
                    return
                limit = min(each.deadline for each in running.values()) - time.monotonic()
                ended = connection.wait(list(running), timeout=max(limit, 0))
                late = [key for key, each in running.items() if each.deadline <= time.monotonic()]
                for key in {*(int(str(each)) for each in ended), *late}:
                    run = running.pop(key)
                    outcome = run.finish()
                    self._free.append(run.tree)
                    yield run.task, outcome
        finally:
            for run in running.values():
                run.finish()


class _Run:
    """One child that runs the tests of one mutant in `tree`."""

    def __init__(
        self, context: "multiprocessing.context.ForkServerContext", task: Task, tree: Path, serial: int
    ) -> None:
        self.task = task
        self.tree = tree
        self._began = time.monotonic()
        self.deadline = self._began + SPARE_SECONDS + SLOWDOWN * task.seconds
        self._file = tree / task.mutant.path
        self._source = self._file.read_text()
        self._report = tree.with_suffix(".json")
        self._report.unlink(missing_ok=True)
        self._file.write_text(task.mutant.apply(self._source))
        # Python takes a compiled file for current if size and second of change are the same.
        os.utime(self._file, (serial, serial))
        self.process: BaseProcess = context.Process(target=run_tests, args=(tree, task.tests, self._report))
        self.process.start()

    def finish(self) -> Outcome:
        """Ends the child and whatever it started, restores the file and says what came out."""
        late = self.process.is_alive()
        if self.process.pid is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.process.kill()
        self.process.join()
        self._file.write_text(self._source)
        return self._outcome(late)

    def _outcome(self, late: bool) -> Outcome:
        seconds = round(time.monotonic() - self._began, 2)
        if late:
            return Outcome("timeout", f"no end after {seconds:.0f} s", seconds)
        if not self._report.exists():
            log = self._report.with_suffix(".log").read_text(errors="replace")
            return Outcome("error", f"exit code {self.process.exitcode}: {log[-500:]}", seconds)
        report = json.loads(self._report.read_text())
        match report["exit_code"]:
            case pytest.ExitCode.OK:
                return Outcome("survived", "", seconds)
            case pytest.ExitCode.TESTS_FAILED:
                return Outcome("killed", report["failed"], seconds)
            case pytest.ExitCode.INTERRUPTED | pytest.ExitCode.USAGE_ERROR:
                return Outcome("killed", report["failed"] or "the tests could not be imported", seconds)
        return Outcome("error", f"pytest ended with {report['exit_code']}", seconds)


def run_tests(tree: Path, tests: tuple[str, ...], report: Path) -> None:
    """What the child does: the tests until one fails, then {"exit_code", "failed"} in `report`."""
    os.setsid()
    with report.with_suffix(".log").open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.chdir(tree)
    sys.path[:] = [str(tree), *(each for each in sys.path if each and Path(each).resolve() != ROOT)]
    for name in [each for each in sys.modules if each.split(".")[0] == "scripts"]:
        del sys.modules[name]
    selection = Selection(tests)
    files = list(dict.fromkeys(test.split("::")[0] for test in tests))
    # In its default place, pytest never deletes the temporary folder of a process that was killed.
    options = ["-q", "-x", "--tb=no", "-p", "no:cacheprovider", f"--basetemp={tree.with_suffix('.tmp')}"]
    # What the warm process has imported may include a plugin of pytest.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    exit_code = pytest.main([*options, *files], plugins=[selection, Borrower(fixture_values(tree))])
    report.write_text(json.dumps({"exit_code": int(exit_code), "failed": selection.failed}))
    # A thread or an exit handler of the product's must not keep the child alive.
    os._exit(0)


class Selection:
    """A pytest plugin: keeps the wanted tests in the wanted order, and the name of the first that fails."""

    def __init__(self, tests: tuple[str, ...]) -> None:
        self._rank = {test: index for index, test in enumerate(tests)}
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        wanted = [each for each in items if each.nodeid in self._rank]
        # A mutant may change the names of parametrized tests; then the whole file runs.
        if len(wanted) == len(self._rank):
            items[:] = sorted(wanted, key=lambda each: self._rank[each.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def import_modules(names: Path) -> None:
    """Imports what can be imported; a module that cannot is imported by the tests, or not at all."""
    for name in json.loads(names.read_text()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                importlib.import_module(name)
            except Exception:  # noqa: S112 - of any kind: it is only a head start
                continue
