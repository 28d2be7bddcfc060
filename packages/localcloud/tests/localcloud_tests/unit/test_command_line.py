"""Commands that end before they start or call anything: their output and their exit codes."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from localcloud.cli.app import app
from localcloud.cli.faults import pairs, parsed
from localcloud.cli.outcome import CommandError
from localcloud.home import Home, Ports
from typer.testing import CliRunner, Result

COMMANDS = ["up", "status", "env", "deploy", "down", "reset", "faults", "principal"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="localcloud")


def error_of(result: Result) -> Any:
    return json.loads(result.stdout)["error"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose stack has never run."""
    return Home.open(tmp_path / "home", Ports.free())


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a cloud in it or above it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCALCLOUD_HOME", raising=False)


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)
    assert run("faults", "arm", "-h").exit_code == 0


def test_the_version_is_that_of_the_distribution() -> None:
    assert run("--version").stdout == f"localcloud {version('localcloud')}\n"


@pytest.mark.parametrize("arguments", [["upp"], ["up", "--spec", "nowhere.json"], ["faults", "arm", "http"]])
def test_wrong_usage_is_json_too(arguments: list[str]) -> None:
    answer = run(*arguments, "--json")
    assert answer.exit_code == 2
    assert error_of(answer)["code"] == "usage"
    assert run(*arguments).exit_code == 2


def test_a_specification_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text('{"apps": "x"}')
    answer = run("up", "--spec", str(file), "--home", str(tmp_path / "home"), "--json")
    assert answer.exit_code == 2
    assert str(file) in error_of(answer)["message"]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", [["status"], ["env"], ["reset"], ["faults", "list"]])
def test_without_a_home_a_command_says_how_to_make_one(command: list[str]) -> None:
    answer = run(*command, "--json")
    assert answer.exit_code == 3
    assert "there is no localcloud in" in error_of(answer)["message"]
    assert "localcloud up" in error_of(answer)["hint"]


def test_a_home_is_found_from_below_and_named_by_the_variable(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_HOME", str(home.root))
    assert json.loads(run("status", "--json").stdout)["home"] == str(home.root)
    monkeypatch.delenv("LOCALCLOUD_HOME")
    here = Home.open(tmp_path / ".localcloud", Ports.free())
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    status = run("status", "--json")
    assert status.exit_code == 3
    assert json.loads(status.stdout)["home"] == str(here.root)


def test_a_cloud_that_does_not_run_has_no_faults_and_nothing_to_stop(home: Home) -> None:
    place = ("--home", str(home.root), "--json")
    answer = run("faults", "list", *place)
    assert answer.exit_code == 3
    assert "nothing listens" in error_of(answer)["message"]
    assert json.loads(run("down", *place).stdout) == {"stopped": False}


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (("up",), "in the background, and `localcloud down` stops it."),
        (("up", "--foreground"), ""),
        (("down",), "`localcloud status` tells whether the stack still runs."),
        (("reset", "--yes"), "`localcloud down` stops what still runs; then delete the folder."),
    ],
)
def test_an_interrupted_command_tells_what_may_still_run(
    command: tuple[str, ...], hint: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for name in ("bring_up", "run_in_foreground", "bring_down"):
        monkeypatch.setattr(f"localcloud.lifecycle.{name}", interrupted)
    result = run(*command, "--json", "--home", str(home.root))
    assert result.exit_code == 130
    assert error_of(result)["message"] == "interrupted."
    assert error_of(result).get("hint", "").endswith(hint)
    assert ("hint" in error_of(result)) is bool(hint)


def test_the_variables_of_a_person_need_no_running_cloud_and_those_of_the_app_do(home: Home) -> None:
    place = ("--home", str(home.root), "--json")
    assert json.loads(run("env", *place).stdout)["IDENTITY_HEADER"] == home.identity_headers["person"]
    refused = run("env", "--app", *place)
    assert (refused.exit_code, error_of(refused)["code"]) == (3, "not_running")


def test_an_added_program_is_listed_and_has_variables_of_its_own(home: Home) -> None:
    place = ("--home", str(home.root))
    made = run("principal", "add", "robot", "--type", "service-principal", *place)
    assert made.exit_code == 0
    listed = json.loads(run("principal", "list", *place, "--json").stdout)["principals"]
    assert [each["name"] for each in listed] == ["person", "publisher", "uploader", "robot"]
    assert (listed[-1]["objectId"], listed[-1]["type"]) == (made.stdout.strip(), "ServicePrincipal")
    assert made.stdout.strip() in run("principal", "list", *place).stdout.replace("\n", "")
    robot = json.loads(run("env", "--as", "robot", *place, "--json").stdout)
    assert robot["IDENTITY_HEADER"] not in home.identity_headers.values()


@pytest.mark.parametrize(
    "arguments",
    [
        ("principal", "add", "person"),
        ("principal", "add", "robot", "--type", "robot"),
        ("env", "--as", "nobody"),
    ],
)
def test_a_person_that_cannot_be_is_wrong_usage(home: Home, arguments: tuple[str, ...]) -> None:
    answer = run(*arguments, "--home", str(home.root), "--json")
    assert (answer.exit_code, error_of(answer)["code"]) == (2, "usage")


def test_settings_for_core_tools_are_not_replaced_unasked(home: Home, tmp_path: Path) -> None:
    place = ("env", "--func", str(tmp_path), "--home", str(home.root), "--json")
    (tmp_path / "local.settings.json").write_text("{}")
    refused = run(*place)
    assert refused.exit_code == 2
    assert "--force" in error_of(refused)["hint"]
    assert (tmp_path / "local.settings.json").read_text() == "{}"
    assert run(*place, "--force").exit_code == 3, "they are those of a running cloud"


def test_a_reset_asks_and_deletes_the_home(home: Home) -> None:
    place = ("reset", "--home", str(home.root))
    refused = run(*place, "--json")
    assert (refused.exit_code, "--yes" in error_of(refused)["hint"]) == (2, True)
    assert home.root.exists()
    assert json.loads(run(*place, "--yes", "--json").stdout) == {"deleted": str(home.root)}
    assert not home.root.exists()


def test_options_of_a_fault_are_names_and_values_as_json_writes_them() -> None:
    assert pairs("--where", ["subject=/a=b$", "path="]) == {"subject": "/a=b$", "path": ""}
    assert [parsed(each) for each in ("2", "0.5", "null", "true", "TooManyRequests")] == [
        2,
        0.5,
        None,
        True,
        "TooManyRequests",
    ]
    with pytest.raises(CommandError, match="NAME=VALUE"):
        pairs("--where", ["subject"])
