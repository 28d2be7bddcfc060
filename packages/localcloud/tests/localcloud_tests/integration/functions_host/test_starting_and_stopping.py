"""The host's process: its files, its output and its exit."""

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from localcloud_tests.integration.functions_host.hosts import APPS, RunningHost

pytestmark = pytest.mark.integration


def app_of(folder: Path, code: str | None, host_json: str = '{"version": "2.0"}') -> Path:
    (folder / "host.json").write_text(host_json)
    if code is not None:
        (folder / "function_app.py").write_text(code)
    return folder


def refused_start(app: Path, *options: str) -> str:
    """The stderr of a host that must refuse to start."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "localcloud.functions",
        "--app",
        app,
        "--keys",
        app / "keys.json",
        *options,
    ]
    if "--port" not in options:
        command += ["--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_an_app_that_does_not_import_ends_the_host_with_the_reason(tmp_path: Path) -> None:
    said = refused_start(app_of(tmp_path, "import azure.functions\nraise RuntimeError('no settings')"))
    assert "RuntimeError: no settings" in said
    assert "No job functions found." in said


def test_a_missing_module_is_named(tmp_path: Path) -> None:
    said = refused_start(app_of(tmp_path, "import no_such_module"))
    assert "no_such_module" in said
    assert "No job functions found." in said


def test_an_app_that_ends_the_process_is_no_success(tmp_path: Path) -> None:
    said = refused_start(app_of(tmp_path, "import sys\nsys.exit(0)"))
    assert "SystemExit" in said
    assert "No job functions found." in said


@pytest.mark.parametrize("code", [None, "import azure.functions as func\napp = func.FunctionApp()"])
def test_an_app_without_functions_ends_the_host(tmp_path: Path, code: str | None) -> None:
    assert "No job functions found." in refused_start(app_of(tmp_path, code))


def test_a_route_that_cannot_be_followed_is_named(tmp_path: Path) -> None:
    code = (
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.route('x/{id:regex(^a)}')\ndef x(req: func.HttpRequest) -> str: ...\n"
    )
    assert "function 'x'" in refused_start(app_of(tmp_path, code))


@pytest.mark.parametrize(
    ("host_json", "reason"),
    [
        ("{", "is not JSON"),
        ('{"version": "2.0", "logging": {"logLevel": {"default": "Loud"}}}', 'log level "Loud"'),
    ],
)
def test_a_host_json_that_cannot_be_followed_is_refused(tmp_path: Path, host_json: str, reason: str) -> None:
    assert reason in refused_start(app_of(tmp_path, "", host_json))


def test_a_folder_without_host_json_is_refused(tmp_path: Path) -> None:
    assert "host.json is missing" in refused_start(tmp_path)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused_start(app_of(tmp_path, ""), "--port", str(port))
    assert f"port {port} of 127.0.0.1 cannot be used" in said


def test_an_address_that_others_reach_is_refused(tmp_path: Path) -> None:
    assert "not a loopback address" in refused_start(app_of(tmp_path, ""), "--host", "0.0.0.0")


def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")
    assert "keys.json holds no keys" in refused_start(app_of(tmp_path, "import azure.functions"))


def test_keys_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    keys = tmp_path / "private" / "keys.json"
    first = RunningHost(APPS / "sample", keys)
    made = keys.read_text()
    assert first.stop() == 0
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    content = json.loads(made)
    values = [content["masterKey"], *content["functionKeys"].values(), *content["systemKeys"].values()]
    assert len(set(values)) == 4
    assert all(len(value) >= 40 for value in values)

    second = RunningHost(APPS / "sample", keys)
    second.stop()
    assert keys.read_text() == made


def test_a_stop_lets_what_runs_finish_and_ends_with_0(tmp_path: Path) -> None:
    host, signal = RunningHost(APPS / "sample", tmp_path / "keys.json"), tmp_path / "go on"
    host.start("through_file", str(signal))
    host.wait_for_line(r"Executing 'Functions\.wait_for_file'")
    host.process.terminate()
    host.wait_for_line("Application is shutting down")
    signal.touch()
    assert host.stop() == 0
    assert any("Executed 'Functions.wait_for_file' (Succeeded" in line for line in host.lines)


def test_a_function_that_blocks_does_not_keep_the_host_from_ending(tmp_path: Path, new_id: str) -> None:
    host = RunningHost(APPS / "sample", tmp_path / "keys.json")
    host.start("through_gate", new_id, new_id)
    host.wait_until_entered(new_id)
    assert host.stop() == 0
    assert "".join(host.lines).count("Traceback") == 0


def test_only_loopback_listens(host: RunningHost) -> None:
    sockets = psutil.Process(host.process.pid).net_connections("inet")
    listening = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1", "::ffff:127.0.0.1"}


def test_the_log_has_the_apps_lines_at_the_levels_of_host_json(host: RunningHost) -> None:
    host.http.get("/api/chatty")
    host.wait_for_line(r"Executed 'Functions\.chatty'")
    line = host.wait_for_line(r"^\S+Z Warning Function\.chatty\.User chatty at warning \[([\w-]{36})\]$")
    assert any(f"Executed 'Functions.chatty' (Succeeded, Id={line[1]}" in said for said in host.lines)
    assert not any("chatty at information" in said for said in host.lines)
