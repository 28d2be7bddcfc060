"""Commands that end before anything is started or asked: what they say, and with which exit code."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from localcloud.cli.app import app
from localcloud.cli.options import opened
from localcloud.cli.outcome import CommandError, Exit
from localcloud.home import LOOPBACK, Home, Ports

from tests.unit.cli.commands import run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose stack has never run."""
    return Home.open(tmp_path / "home", Ports.free())


NEEDING_A_CLOUD = [
    ["status"],
    ["env"],
    ["runs"],
    ["show"],
    ["report"],
    *([command, "some-run"] for command in ("approve", "reject", "cancel")),
]


@pytest.mark.parametrize("command", NEEDING_A_CLOUD)
def test_a_command_without_a_cloud_says_how_to_start_one(command: list[str], tmp_path: Path) -> None:
    answer = run(*command, "--home", str(tmp_path / "nowhere"))
    assert answer.code == 3
    assert "there is no localcloud in" in answer.err
    assert "localcloud up" in answer.err
    assert not (tmp_path / "nowhere").exists()


def test_a_command_without_a_running_stack_says_how_to_start_it(home: Home) -> None:
    answer = run("runs", "--home", str(home.root))
    assert answer.code == 3
    assert "is not running" in answer.err


def test_an_error_is_json_for_a_program(home: Home) -> None:
    answer = run("runs", "--home", str(home.root), "--json")
    assert answer.code == 3
    assert answer.json["error"]["code"] == "not_running"
    assert answer.err == ""


def test_status_of_a_stopped_stack_is_json_with_an_exit_code_of_its_own(home: Home) -> None:
    answer = run("status", "--home", str(home.root), "--json")
    assert answer.code == 3
    assert answer.json["running"] is False
    assert answer.json["home"] == str(home.root)


def test_down_of_what_does_not_run_is_no_error(home: Home, tmp_path: Path) -> None:
    assert run("down", "--home", str(home.root)).code == 0
    assert run("down", "--home", str(tmp_path / "nowhere"), "--json").json["stopped"] is False


def test_an_unknown_command_is_wrong_usage() -> None:
    answer = run("uplaod")
    assert answer.code == 2
    assert "upload" in answer.err


def test_a_file_that_is_not_there_is_wrong_usage(home: Home, tmp_path: Path) -> None:
    answer = run("upload", str(tmp_path / "iris.csv"), "--home", str(home.root))
    assert answer.code == 2
    # The message stands in a box, whose lines break where the path lets them.
    assert "does not exist" in " ".join(answer.err.replace("│", " ").split())


@pytest.fixture
def taken() -> Iterator[Ports]:
    """Ports of which one, that of the Functions host, is this process's."""
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        yield replace(Ports.free(), functions=other.getsockname()[1])


def test_a_new_home_names_the_port_that_is_taken_and_by_whom(tmp_path: Path, taken: Ports) -> None:
    with pytest.raises(CommandError) as refused:
        opened(tmp_path / "home", free=False, usual=taken)
    assert refused.value.code is Exit.CANNOT_START
    assert f"port {taken.functions} (functions) is taken by" in str(refused.value)
    assert f"(pid {os.getpid()})" in str(refused.value)
    assert "--free-ports" in refused.value.hint
    assert not (tmp_path / "home").exists()


def test_free_ports_keep_the_usual_ones_that_are_free(tmp_path: Path, taken: Ports) -> None:
    ports = opened(tmp_path / "home", free=True, usual=taken).ports
    assert ports.functions != taken.functions
    assert replace(ports, functions=taken.functions) == taken


def test_a_home_keeps_its_ports(tmp_path: Path, taken: Ports) -> None:
    first = opened(tmp_path / "home", free=True, usual=taken)
    assert opened(tmp_path / "home", free=False) == first


def test_up_without_node_says_what_to_install(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home.root))
    answer = run("up", "--home", str(home.root), "--json")
    assert answer.code == 4
    assert (
        answer.json["error"]["message"] == "Node is missing: install Node 20 or newer, then run `make setup`."
    )


def test_up_on_a_port_that_was_taken_since_names_it(home: Home) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, home.ports.arm))
        other.listen()
        answer = run("up", "--home", str(home.root))
    assert answer.code == 4
    assert f"port {home.ports.arm} (arm) is taken by" in answer.err
    assert "--free-ports" in answer.err


def test_env_gives_a_shell_what_the_sdks_read(home: Home) -> None:
    answer = run("env", "--home", str(home.root))
    lines = dict(line.removeprefix("export ").split("=", 1) for line in answer.out.splitlines())
    assert set(lines) >= {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "ARM_CLOUD_METADATA_URL", "SSL_CERT_FILE"}
    assert lines["IDENTITY_HEADER"] == home.identity_headers["person"]
    assert home.ca_bundle.exists()


def test_env_of_the_app_is_the_app_and_not_the_person(home: Home) -> None:
    variables = run("env", "--app", "--home", str(home.root), "--json").json
    assert variables["IDENTITY_HEADER"] == home.identity_headers["app"]
    assert variables["TOUCHDOWN_STORAGE_URL"] == home.blob_url


def test_reset_deletes_the_home_only_when_told_to(home: Home) -> None:
    assert run("reset", "--home", str(home.root)).code != 0
    assert home.root.exists()
    assert run("reset", "--yes", "--home", str(home.root)).code == 0
    assert not home.root.exists()


def test_reset_leaves_a_folder_alone_that_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert run("reset", "--yes", "--home", str(tmp_path)).code == 3
    assert (tmp_path / "thesis.tex").exists()


def test_help_names_every_command() -> None:
    shown = run("--help").out
    assert len(app.registered_commands) == 15
    for command in app.registered_commands:
        assert command.callback is not None
        assert f" {command.callback.__name__} " in shown


def test_the_output_of_json_is_json_alone(home: Home) -> None:
    for command in (["env"], ["env", "--app"], ["down"], ["status"]):
        json.loads(run(*command, "--home", str(home.root), "--json").out)
