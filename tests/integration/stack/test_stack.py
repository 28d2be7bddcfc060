"""The stack through its command line: up, down, and the death of a part."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from localcloud.controls import Controls
from localcloud.functions.site import STATUS
from localcloud.home import Home
from localcloud.parts import is_alive
from localcloud.stack import AlreadyRunningError, Stack, is_locked

from tests.integration.stack.conftest import Shell, succeeded
from tests.waiting import wait_for

LARGEST = 315
"""In MiB: 40 more than the stack needs."""


@pytest.fixture
def up(shell: Shell) -> Shell:
    """A running stack, which stays up for the next test."""
    if shell.run("status").code != 0:
        succeeded(shell.process("up"))
    return shell


def test_up_returns_when_everything_is_healthy_and_a_second_up_at_once(up: Shell) -> None:
    status = up.json("status")
    assert [part["state"] for part in status["parts"]] == ["running"] * 3
    before = up.pids()
    assert up.process("up").code == 0
    assert up.pids() == before


def test_a_second_up_sends_no_resource_and_imports_no_storage_client(up: Shell) -> None:
    put = {"method": "^PUT$"}
    with Controls(up.home) as controls, controls.fault("http", "delay", put, times=None) as counted:
        again = up.process("up", PYTHONPROFILEIMPORTTIME="1")
        assert (again.code, controls.taken(counted)) == (0, 0)
    assert "localcloud.deploying" in again.err, "the imports are told"
    assert "azure.storage.blob" not in again.err


def test_up_restarts_the_host_for_another_setting_of_the_shell_and_not_for_the_same(up: Shell) -> None:
    def host() -> str:
        """What the host runs: another text after a restart with other settings."""
        return str(httpx.get(up.home.functions_url + STATUS, trust_env=False).json()["site"])

    before = host()
    assert up.process("up", TOUCHDOWN_EPOCHS="7").code == 0
    changed = host()
    assert changed != before
    assert up.process("up", TOUCHDOWN_EPOCHS="7").code == 0
    assert host() == changed
    assert up.process("up").code == 0
    assert host() == before


def test_a_home_has_one_stack(up: Shell) -> None:
    with pytest.raises(AlreadyRunningError, match="already running"):
        Stack(up.home).start()
    assert up.run("status").code == 0


def test_a_part_that_dies_is_reported_and_up_restarts_it(up: Shell) -> None:
    before = up.pids()
    os.kill(before["functions"], signal.SIGKILL)
    wait_for(lambda: up.run("status").code == 1)
    answer = up.run("status")
    assert "died" in answer.out
    assert "functions ended by itself with exit code -9" in answer.err
    assert up.process("up").code == 0
    after = up.pids()
    assert after["functions"] != before["functions"]
    assert {name: pid for name, pid in after.items() if name != "functions"} == {
        name: pid for name, pid in before.items() if name != "functions"
    }


def test_up_waits_for_what_a_killed_stack_left_and_starts(up: Shell) -> None:
    """`up` comes right after the kill, while the parts are still ending."""
    pids = up.pids()
    os.kill(pids["supervisor"], signal.SIGKILL)
    assert up.process("up").code == 0
    assert up.run("status").code == 0
    assert set(up.pids().values()).isdisjoint(pids.values())


def test_nothing_outlives_a_supervisor_that_is_killed(up: Shell) -> None:
    pids = up.pids()
    os.kill(pids["supervisor"], signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in pids.values()))
    assert up.run("status").code == 3


def test_two_concurrent_starts_share_one_stack_which_is_small(shell: Shell) -> None:
    """Small is the resident memory of all its processes; what earlier tests left in them is gone."""
    shell.process("down")
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: shell.process("up", "--json"), range(2)))
    assert [answer.code for answer in both] == [0, 0], both
    assert both[0].json["supervisor"]["pid"] == both[1].json["supervisor"]["pid"]
    mebibytes = shell.json("status")["memory"] / 2**20
    assert 100 < mebibytes < LARGEST


def test_down_leaves_no_process_and_nothing_on_the_ports(up: Shell) -> None:
    pids = up.pids()
    assert succeeded(up.process("down", "--json")).json["stopped"] is True
    assert not any(alive(pid) for pid in pids.values())
    assert not is_locked(up.home)
    assert up.run("status").code == 3
    assert succeeded(up.process("down", "--json")).json["stopped"] is False


def test_the_stack_without_the_functions_host_is_for_func_start(shell: Shell) -> None:
    shell.process("down")
    started = succeeded(shell.process("up", "--no-functions", "--json")).json
    assert [part["name"] for part in started["parts"]] == ["azurite", "cloud"]
    shell.process("down")


def test_a_stack_that_cannot_start_leaves_nothing(shell: Shell) -> None:
    """The cloud refuses a setting; Azurite and the host, which were already started, end again."""
    shell.process("down")
    broken = Stack(shell.home, cloud_settings={"LOCALCLOUD_POOL_NODES": "many"})
    with pytest.raises(Exception, match="LOCALCLOUD_POOL_NODES"):
        broken.start()
    assert not is_locked(shell.home)
    assert processes_of(shell.home) == []


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_alive(psutil.Process(pid))


def processes_of(home: Home) -> list[psutil.Process]:
    """Processes whose command line names a home; not those that test it."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if is_alive(process) and any(str(home.root) in word for word in process.info["cmdline"] or [])
    ]
