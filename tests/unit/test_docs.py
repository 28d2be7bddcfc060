"""The documents agree with the code: links, commands, codes, fields, fault points, variables, omissions.

A document that no test checks goes out of date unnoticed, so everything in it that can be compared with the
code is compared here. test_docs_snippets checks the blocks of commands, test_settings_documented the tables
of settings, and test_function_app the table of functions.
"""

import ast
import importlib
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from localcloud.cli.app import app as localcloud
from localcloud.cloud import SERVICES
from localcloud.datafactory.expressions.functions import FUNCTIONS
from localcloud.datafactory.routes import ABSENT
from localcloud.faults import Fault
from localcloud.home import Ports

from orchestrators.stages import RULES, Stage
from runs.contracts import Upload
from runs.findings import (
    Baseline,
    ChampionComparison,
    Choice,
    ChoiceCandidate,
    Dropped,
    Floor,
    Gate,
    OutOfFold,
)
from runs.naming import endpoint_name
from runs.record import Approval, Failure, Outcome, RunRecord, StageTimes, Status
from tests.checkout import CHECKOUT
from tests.unit.test_function_app import readme_table
from touchdown.cli.app import app as touchdown
from touchdown.cli.outcome import Exit
from touchdown.local.names import WORKSPACE_PATH

DOCUMENTS = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    *sorted((CHECKOUT / "docs").glob("*.md")),
    CHECKOUT / "trainer" / "README.md",
    CHECKOUT / "benchmarks" / "README.md",
    CHECKOUT / "packages" / "localcloud" / "README.md",
    CHECKOUT / "packages" / "localcloud" / "src" / "localcloud" / "functions" / "README.md",
]
PRODUCT = ("runs", "services", "activities", "orchestrators", "triggers")
TITLES = {
    "arm": "Resource Manager",
    "subscriptions": "Resource Manager",
    "authorization": "Roles",
    "deployments": "Deployments",
    "eventgrid": "Event Grid",
    "machinelearning": "Azure ML",
    "batch": "Batch",
    "datafactory": "Data Factory",
    "storage": "Storage",
    "providers": "Resource Manager",
    "sizes": "Resource Manager",
    "keyvault": "Key Vault",
    "kept": "Kept only",
    "web": "App Service",
}
"""The title of each service in docs/localcloud.md, by its package."""

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
MAKE = re.compile(r"^(?:\$ )?make ([a-z]+)", re.MULTILINE)
CALL = re.compile(r"(?:^|\$ |[(/]|-m |\w=\S+ )(touchdown|localcloud) ([^\n`)#|;&]*)", re.MULTILINE)
"""A call of one of the two command lines: the program and its arguments."""
MODULE = re.compile(r"python3? -m ((?:touchdown|localcloud)[\w.]*)")
"""A call of a module."""
PROGRAMS = {"touchdown": touchdown, "localcloud": localcloud}

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT))
)


def doc(name: str) -> str:
    return (CHECKOUT / "docs" / name).read_text()


def code(text: str) -> str:
    """All code of a document, blocks and inline, with continued lines joined."""
    prose = FENCE.sub("", text)
    blocks = [match[2] for match in FENCE.finditer(text)]
    return "\n".join([*blocks, *INLINE.findall(prose)]).replace("\\\n", " ")


def slug(heading: str) -> str:
    """The anchor that GitHub generates for a heading."""
    plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return plain.replace(" ", "-")


def anchors(document: Path) -> set[str]:
    prose = FENCE.sub("", document.read_text())
    return {slug(match[1]) for match in re.finditer(r"^#+ (.+)$", prose, re.MULTILINE)}


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a document as rows of cells; the first row is the heading."""
    rows: list[list[str]] = []
    for line in [*FENCE.sub("", text).splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            yield [rows[0], *rows[2:]]
            rows = []


def column(text: str, heading: str, place: int = 0) -> list[str]:
    """The inline code in one column of every table whose first heading is `heading`."""
    found: list[str] = []
    for head, *rows in tables(text):
        if head[0] == heading:
            found += [name for row in rows for name in INLINE.findall(row[place])]
    return found


@cache
def parsed(folder: str) -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text())) for path in sorted((CHECKOUT / folder).rglob("*.py"))]


def calls(folder: str, *names: str) -> Iterator[ast.Call]:
    """Every call, in a folder, of a function or class with one of these names."""
    for _, module in parsed(folder):
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if called in names:
                    yield node


def texts(nodes: Iterator[ast.Call], place: int) -> set[str]:
    """The string literals that calls have as one positional argument."""
    given = (node.args[place] for node in nodes if len(node.args) > place)
    return {each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def error_codes() -> tuple[set[str], set[str]]:
    """The error codes of runs, and those that only HTTP returns."""
    of_runs: set[str] = set()
    of_http: set[str] = set()
    for folder in PRODUCT:
        of_runs |= texts(calls(folder, "RefusedError"), 0)
        of_runs |= texts(calls(folder, "RunStoppedError"), 1) | texts(calls(folder, "DatasetChangedError"), 1)
        of_http |= texts(calls(folder, "ApiError"), 1)
    return of_runs, of_http - of_runs


# --- Links and commands ------------------------------------------------------------------------------


@every_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    lost = []
    for target in LINK.findall(FENCE.sub("", document.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(target)
    assert lost == []


@every_document
def test_every_file_that_is_named_is_there(document: Path) -> None:
    folders = "|".join((*PRODUCT, "bicep", "docs", "packages", "scripts", "tests", "trainer"))
    named = re.compile(rf"(?:{folders})/[\w./-]+\.(?:py|json|md|sh|bicep|txt|in)")
    prose = INLINE.findall(FENCE.sub("", document.read_text()))
    assert [name for name in prose if named.fullmatch(name) and not (CHECKOUT / name).exists()] == []


@every_document
def test_every_make_command_has_a_target(document: Path) -> None:
    named = set(MAKE.findall(code(document.read_text())))
    assert named <= make_targets()


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*##", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def test_every_make_target_is_documented() -> None:
    named = set().union(*(MAKE.findall(code(document.read_text())) for document in DOCUMENTS[:2]))
    assert make_targets() - named == {"help"} - named


@every_document
def test_every_command_exists_with_its_options(document: Path) -> None:
    wrong = []
    for program, rest in CALL.findall(code(document.read_text())):
        words = shlex.split(rest.replace("'", "").replace('"', ""))
        if not words or words[0].startswith("-") or not words[0].islower():
            continue
        known = commands(program).get(words[0].rstrip(","))
        given = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
        if known is None or not given <= options(known) | {"--help"}:
            wrong.append(f"{program} {rest}")
    assert wrong == []


@every_document
def test_every_module_that_is_called_exists(document: Path) -> None:
    called = {name.rstrip(".") for name in MODULE.findall(code(document.read_text()))}
    assert {name for name in called if importlib.util.find_spec(name) is None} == set()


@cache
def commands(program: str) -> dict[str, Any]:
    """The commands of a program by name, with their parameters, as typer stores them."""
    group: Any = typer.main.get_command(PROGRAMS[program])
    return dict(group.commands)


def options(command: Any) -> set[str]:
    """The options of a command, and those of its subcommands."""
    own = {name for each in command.params for name in each.opts + each.secondary_opts}
    return own.union(*(options(each) for each in getattr(command, "commands", {}).values()))


def test_every_command_of_touchdown_is_documented() -> None:
    called = CALL.findall(code(doc("command-line.md")))
    named = {rest.split()[0] for program, rest in called if program == "touchdown" and rest.split()}
    assert commands("touchdown").keys() - named == {"demo"}, "demo is what `make demo` runs"


def test_every_exit_code_is_documented() -> None:
    rows = next(table for table in tables(doc("command-line.md")) if table[0][0] == "code")[1:]
    documented = {int(code): name.strip("`").upper() for code, _, name in rows}
    assert documented == {each.value: "" if each is Exit.OK else each.name for each in Exit}


@every_document
def test_examples_in_json_are_json(document: Path) -> None:
    for language, block in FENCE.findall(document.read_text()):
        if language == "json":
            json.loads(block)


@every_document
def test_examples_in_python_import_what_exists(document: Path) -> None:
    examples = [block for language, block in FENCE.findall(document.read_text()) if language == "python"]
    statements = [node for block in examples for node in ast.walk(ast.parse(block))]
    lost = []
    for node in statements:
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            names = [(each.name, f"{node.module}.{each.name}") for each in node.names]
            lost += [
                full for name, full in names if not (hasattr(module, name) or importlib.util.find_spec(full))
            ]
        elif isinstance(node, ast.Import):
            lost += [each.name for each in node.names if importlib.util.find_spec(each.name) is None]
    assert lost == []


@every_document
def test_no_document_knows_this_machine(document: Path) -> None:
    text = document.read_text()
    assert re.findall(r"(?<![\w./])/(?:work|root|home|Users)/\S*", text) == []
    assert str(CHECKOUT) not in text


def test_the_readme_has_the_table_of_functions() -> None:
    assert readme_table(), "test_function_app compares it with the app, if it is there"


# --- Runs --------------------------------------------------------------------------------------------


def test_every_field_of_the_record_is_documented() -> None:
    described = column(doc("runs.md"), "field")
    parts = (
        RunRecord,
        Upload,
        StageTimes,
        Failure,
        Gate,
        Floor,
        Baseline,
        OutOfFold,
        ChampionComparison,
        Approval,
        Dropped,
        Choice,
        ChoiceCandidate,
    )
    assert described == [each.name for part in parts for each in fields(part)]


def test_every_status_of_a_run_is_documented() -> None:
    assert set(get_args(Status)) <= set(column(doc("runs.md"), "status"))


def test_every_stage_is_documented_in_order_with_whether_a_cancel_comes_too_late() -> None:
    (rows,) = [table[1:] for table in tables(doc("runs.md")) if table[0][0] == "stage"]
    assert [row[0].strip("`") for row in rows] == list(Stage)
    too_late = [row[0].strip("`") for row in rows if row[2] == "too late"]
    assert too_late == [stage for stage in Stage if not RULES[stage].can_cancel]


def test_every_outcome_is_documented() -> None:
    assert column(doc("runs.md"), "outcome") == [outcome for outcome in get_args(Outcome) if outcome]


def test_every_error_code_of_a_run_is_documented_with_cause_and_remedy() -> None:
    documented = [table for table in tables(doc("runs.md")) if table[0][0] == "code"]
    rows = {row[0].strip("`"): row[1:] for table in documented for row in table[1:]}
    of_runs, _ = error_codes()
    only_http = set(column(doc("http.md"), "HTTP status", 1))
    silent = {"RunEnded", "NotClaimed"}
    assert of_runs - only_http - silent <= rows.keys()
    assert rows.keys() <= of_runs | {"EngineFailed"}
    assert all(cell for cells in rows.values() for cell in cells)


def test_every_error_code_of_http_is_documented() -> None:
    documented = set(column(doc("http.md"), "HTTP status", 1))
    of_runs, of_http = error_codes()
    assert of_http <= documented
    assert documented <= of_http | of_runs | {"ServiceUnavailable"}


def test_every_lifecycle_event_is_documented() -> None:
    kinds = {"RunStarted", *(f"Run{status}" for status in get_args(Status) if status != "Running")}
    assert set(column(doc("runs.md"), "event type")) == {f"Touchdown.{kind}" for kind in kinds}


# --- localcloud --------------------------------------------------------------------------------------


def imitation() -> list[list[str]]:
    """The table of what localcloud emulates: service, part, yes/differs/no, how."""
    return next(table for table in tables(doc("localcloud.md")) if table[0][0] == "service")[1:]


def plain(text: str) -> str:
    return re.sub(r"[`'\"\\]", "", text).lower()


def test_every_service_is_in_the_table_with_what_it_does_and_what_not() -> None:
    packages = {make.__module__.split(".")[1] for make in SERVICES}
    assert packages == TITLES.keys(), "a new service needs its rows in docs/localcloud.md"
    for title in [*TITLES.values(), "Identity", "Functions"]:
        kinds = {row[2] for row in imitation() if row[0] == title}
        assert kinds & {"yes", "differs"}, title
        assert kinds & {"no", "differs"}, title


def test_the_table_says_yes_differs_or_no() -> None:
    assert {row[2] for row in imitation()} == {"yes", "differs", "no"}


def test_everything_that_answers_501_is_in_the_table() -> None:
    """Each 501 in the code names what is not emulated; the table must use the same words."""
    table = plain(" ".join(cell for row in imitation() for cell in row))
    left_out = [
        part
        for node in calls("packages/localcloud/src/localcloud", "not_imitated")
        if (part := phrase(node.args[0]))
    ]
    assert len(left_out) > 15, "the calls were not found"
    assert [part for part in left_out if part not in table] == []


def phrase(what: ast.expr) -> str:
    """The longest sequence of fixed words in the argument of not_imitated; "" if it only names a path."""
    parts = what.values if isinstance(what, ast.JoinedStr) else [what]
    fixed = [each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    words = [plain(re.split(r"[:(]", each)[0]).strip(" =") for each in fixed]
    longest = max(words, key=len, default="")
    return longest if len(longest) > 7 else ""


def test_every_expression_function_and_every_absent_child_of_a_factory_is_named() -> None:
    text = doc("localcloud.md")
    assert [each.name for each in FUNCTIONS.values() if f"`{each.name}`" not in text] == []
    assert [child for child in ABSENT if f"`{child}`" not in text] == []


def test_every_fault_point_is_documented() -> None:
    points = texts(calls("packages/localcloud/src/localcloud", "at"), 0)
    watched = {
        ast.literal_eval(keyword.value)
        for node in calls("packages/localcloud/src/localcloud", "Provisioned")
        for keyword in node.keywords
        if keyword.arg == "point"
    }
    assert set(column(doc("localcloud.md"), "point")) == points | {
        f"machinelearning.{each}" for each in watched
    }


def test_every_field_of_a_fault_is_documented() -> None:
    table = next(table for table in tables(doc("localcloud.md")) if table[0][:2] == ["field", "default"])
    named = {name for row in table[1:] for name in INLINE.findall(row[0])}
    assert named == {each.name for each in fields(Fault)} - {"id", "taken"}


def test_every_variable_of_localcloud_is_documented() -> None:
    sources = [
        *(CHECKOUT / "packages" / "localcloud" / "src" / "localcloud").rglob("*.py"),
        *(CHECKOUT / "packages" / "localcloud" / "src" / "localcloud").rglob("*.cjs"),
    ]
    read = {name for file in sources for name in re.findall(r"\bLOCALCLOUD_[A-Z_]+\b", file.read_text())}
    assert set(column(doc("localcloud.md"), "variable")) == read


def test_the_endpoint_of_the_example_is_the_one_that_a_reader_gets() -> None:
    """The commands with the endpoint can be copied: its name follows from the workspace that is deployed."""
    named = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"iris-classification-[0-9a-f]{6}\b", document.read_text())
    }
    assert named == {endpoint_name("iris_classification", WORKSPACE_PATH)}


def test_every_port_is_documented() -> None:
    table = next(table for table in tables(doc("localcloud.md")) if table[0][0] == "process")
    assert {row[1]: row[2] for row in table[1:]} == {name: str(port) for name, port in vars(Ports()).items()}


def test_the_trainers_readme_names_each_of_its_modules() -> None:
    folder = CHECKOUT / "trainer"
    rows = re.findall(r"^\|(.*?)\|", (folder / "README.md").read_text(), re.MULTILINE)
    named = [name for row in rows for name in INLINE.findall(row) if re.fullmatch(r"\w+\.py", name)]
    assert sorted(named) == sorted(file.name for file in folder.glob("*.py"))
