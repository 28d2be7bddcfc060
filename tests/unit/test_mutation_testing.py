"""The mutation tester: which mutants it makes, which tests it picks, and what it keeps between two calls."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.mutation_testing import execution
from scripts.mutation_testing.execution import Outcome, Pool, Task
from scripts.mutation_testing.holding import held_fixtures
from scripts.mutation_testing.mutations import Mutant, find_mutants
from scripts.mutation_testing.selection import Coverage
from scripts.mutation_testing.state import State


def changed(source: str) -> list[str]:
    """The mutated sources, stripped."""
    return [each.apply(source).strip() for each in find_mutants("a.py", source)]


@pytest.mark.parametrize(
    ("source", "mutant"),
    [
        ("a = b < c", "a = b <= c"),
        ("a = b is not None", "a = b is None"),
        ("a = b in c", "a = b not in c"),
        ("a = b and c", "a = (b or c)"),
        ("a = b and c", "a = (c)"),
        ("a = b + c", "a = (b - c)"),
        ("a = not b", "a = (b)"),
        ("a = 60", "a = 61"),
        ("a = 60", "a = 600"),
        ("a = True", "a = False"),
        ("a = None", 'a = ""'),
        ("a = 'é', b < c", "a = 'é', b <= c"),
        ("a = 'x'", "a = 'xXX'"),
        ("def f(a=1):\n    b", "def f(a=2):\n    b"),
        ("def f():\n    return a.b", "def f():\n    return None"),
        ("a(b)", "pass"),
        ("a = b()", "a = None"),
        ("a = b(c=d)", "a = b(**{})"),
        ("a = b.strip()", "a = b"),
        ("a = min(b)", "a = max(b)"),
        ("if a < b:\n    c()", "if True:\n    c()"),
        ("if a < b:\n    c()", "if False:\n    c()"),
        ("a = [b for b in c if d(b)]", "a = [b for b in c if True]"),
        ("raise a", "pass"),
        ("try:\n    a\nexcept (B, C):\n    d", "try:\n    a\nexcept (B,):\n    d"),
        ("try:\n    a\nexcept B:\n    d", "try:\n    a\nexcept ():\n    d"),
    ],
)
def test_one_change_of_each_kind_is_made(source: str, mutant: str) -> None:
    assert mutant in changed(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""What a module does."""',
        "import os.path as p",
        '__all__ = ["a"]',
        'log.info("run %s: %s", a + b, 1)',
        'a: "Literal[3]"',
        "def f(a: list[1]) -> Literal[2]: ...",
        "assert a is not None",
        "if TYPE_CHECKING:\n    import a",
        "@dataclass(frozen=True)\nclass A: ...",
    ],
)
def test_what_does_not_run_or_is_for_people_is_left_alone(source: str) -> None:
    assert changed(source) == []


def test_the_sentence_of_an_error_is_left_alone_and_its_code_is_not() -> None:
    found = changed('raise RefusedError("BadLabel", "the label is empty")')
    assert "raise RefusedError('BadLabelXX', \"the label is empty\")" in found
    assert not any("emptyXX" in each for each in found)


SOURCE = """\
LIMIT = 60


def is_late(age):
    return age > LIMIT


def unused(age):
    return age > 1
"""
RECORDED: dict[str, dict[str, Any]] = {
    "tests": {
        "tests/unit/test_slow.py::test_late": {
            "seconds": 2.0,
            "shared": ["cloud"],
            "lines": {"runs/age.py": [5]},
        },
        "tests/unit/test_quick.py::test_late": {
            "seconds": 0.1,
            "shared": ["cloud"],
            "lines": {"runs/age.py": [5]},
        },
        "tests/unit/test_quick.py::test_other": {"seconds": 0.1, "shared": ["cloud"], "lines": {}},
    },
    "shared": {"cloud": 9.0},
    "imported": {"runs/age.py": [1, 4, 8]},
}
COVERAGE = Coverage(RECORDED, {"runs/age.py": SOURCE}, {"tests/unit/test_quick.py": "", "other.py": "LIMIT"})


def selected(replacement: str) -> list[str]:
    mutants = [each for each in find_mutants("runs/age.py", SOURCE) if each.replacement == replacement]
    return COVERAGE.select(mutants[0])


def test_a_fixture_that_tests_share_counts_once_for_their_duration() -> None:
    assert COVERAGE.duration(selected("age >= LIMIT")) == 2.0 + 0.1 + 9.0


def test_the_tests_that_pass_a_line_are_selected_the_quickest_first() -> None:
    assert selected("age >= LIMIT") == [
        "tests/unit/test_quick.py::test_late",
        "tests/unit/test_slow.py::test_late",
    ]


def test_for_a_constant_the_tests_that_pass_a_line_using_it_are_selected() -> None:
    assert len(selected("600")) == 2


def test_for_a_line_that_also_ran_at_import_every_test_of_its_file_is_selected() -> None:
    """They may use what it made at import."""
    tests = RECORDED["tests"] | {
        "tests/unit/test_made.py::test_made": {"seconds": 0.1, "shared": [], "lines": {"runs/age.py": [9]}}
    }
    recorded = RECORDED | {"tests": tests, "imported": {"runs/age.py": [1, 4, 5, 8]}}
    coverage = Coverage(recorded, {"runs/age.py": SOURCE}, {})
    (mutant,) = (each for each in find_mutants("runs/age.py", SOURCE) if each.replacement == "age >= LIMIT")
    assert {test.split("::")[0] for test in coverage.select(mutant)} == {
        "tests/unit/test_made.py",
        "tests/unit/test_quick.py",
        "tests/unit/test_slow.py",
    }


def test_for_a_line_that_no_test_passes_no_test_is_selected() -> None:
    assert selected("age >= 1") == []


@pytest.fixture
def mutant() -> Mutant:
    return find_mutants("runs/age.py", SOURCE)[0]


def test_a_second_call_knows_the_outcomes_of_the_first(tmp_path: Path, mutant: Mutant) -> None:
    State(tmp_path / "state.json", "same").add(mutant, "tests/unit", Outcome("survived", "", 1.5))

    state = State(tmp_path / "state.json", "same")

    result = state.get(mutant)
    assert result is not None
    assert (result.verdict, result.seconds) == ("survived", 1.5)
    assert not state.is_open(mutant, "tests/unit")
    assert state.is_open(mutant, "tests/integration/product")


def test_a_survivor_is_tried_again_when_a_test_has_changed_and_a_killed_mutant_is_not(
    tmp_path: Path, mutant: Mutant
) -> None:
    other = find_mutants("runs/age.py", SOURCE)[1]
    before = State(tmp_path / "state.json", "old tests")
    before.add(mutant, "tests/unit", Outcome("survived", "", 1))
    before.add(other, "tests/unit", Outcome("killed", "test_late", 1))

    state = State(tmp_path / "state.json", "new tests")

    assert state.is_open(mutant, "tests/unit")
    assert not state.is_open(other, "tests/unit")


TEST = """\
from runs.age import is_late

def test_late():
    assert is_late(100)
    assert not is_late(50)

def test_endless():
    while is_late(62):
        pass
"""

CONFTEST = """\
import pytest
from runs.age import unused

@pytest.fixture(scope="session")
def late_for_all():
    return unused(1)
"""
COUNTED = """\
import pytest

def write(word):
    with open("starts", "a") as file:
        file.write(word)

@pytest.fixture(scope="session")
def counted():
    write("start ")
    yield 100
    write("end ")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one module and a test that knows its limit roughly; the warm process imports a plugin."""
    tree = tmp_path / "tree"
    (tree / "runs").mkdir(parents=True)
    (tree / "runs" / "__init__.py").touch()
    (tree / "runs" / "age.py").write_text(SOURCE)
    (tree / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    )
    (tree / "test_age.py").write_text(TEST)
    (tmp_path / "modules.json").write_text(json.dumps(["json.tool", "anyio"]))
    return tree


def verdicts(project: Path, test: str, *replacements: str) -> list[str]:
    pool = Pool([project], project.parent / "modules.json")
    mutants = find_mutants("runs/age.py", SOURCE)
    chosen = [next(each for each in mutants if each.replacement == text) for text in replacements]
    tasks = [Task(each, (f"test_age.py::{test}",), 0) for each in chosen]
    return [outcome.verdict for _, outcome in pool.run(tasks)]


def test_a_mutant_that_fails_a_test_is_killed_and_another_survives(project: Path) -> None:
    assert verdicts(project, "test_late", "600", "61", "None") == ["killed", "survived", "killed"]
    assert (project / "runs" / "age.py").read_text() == SOURCE


def test_a_mutant_that_does_not_end_is_a_timeout(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "SPARE_SECONDS", 2)
    assert verdicts(project, "test_endless", "61") == ["timeout"]
    assert (project / "runs" / "age.py").read_text() == SOURCE


def test_the_lines_that_each_test_passes_are_recorded(project: Path) -> None:
    (project / "test_age.py").write_text(TEST.replace("is_late(62)", "is_late(60)") + "    assert False\n")
    (project / "conftest.py").write_text(CONFTEST)
    (project / "test_unused.py").write_text("def test_unused(late_for_all):\n    assert not late_for_all\n")
    report = project.parent / "coverage.json"

    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "scripts.mutation_testing.recording"],
        cwd=project,
        env=os.environ | {"MUTATION_COVERAGE": str(report), "PYTHONPATH": str(execution.ROOT)},
        check=False,
    )

    recorded = json.loads(report.read_text())
    assert {name: test["lines"] for name, test in recorded["tests"].items()} == {
        "test_age.py::test_late": {"runs/age.py": [5]},
        "test_unused.py::test_unused": {"runs/age.py": [9]},
    }
    assert "late_for_all" in recorded["tests"]["test_unused.py::test_unused"]["shared"]
    assert recorded["shared"]["late_for_all"] >= 0
    assert recorded["imported"] == {"runs/age.py": [1, 4, 8]}
    assert recorded["failed"] == ["test_age.py::test_endless"]


def test_fixtures_are_set_up_once_for_all_mutants(project: Path) -> None:
    (project / "conftest.py").write_text(COUNTED)
    (project / "test_age.py").write_text(
        "from runs.age import is_late\n\ndef test_late(counted):\n    assert is_late(counted)\n"
    )
    # The process that holds fixtures finds its plugin in the copy.
    (project / "scripts").symlink_to(execution.ROOT / "scripts", target_is_directory=True)

    with held_fixtures([project], "test_age.py"):
        assert verdicts(project, "test_late", "61", "600") == ["survived", "killed"]
        assert (project / "starts").read_text() == "start "

    assert (project / "starts").read_text() == "start end "
