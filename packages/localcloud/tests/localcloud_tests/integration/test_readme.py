"""The README's first use and its fixture, run as they are written, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from localcloud.storage import emulator

pytestmark = pytest.mark.integration
pytest_plugins = ["pytester"]

README = Path(__file__).parents[3] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INSTALLS = ("pip ", "npm ")

OTHER_CONFTEST = """
import pytest
from localcloud.spec import CloudSpec

@pytest.fixture(scope="session")
def localcloud_spec():
    return CloudSpec()
"""
OTHER_TEST = """
def test_an_empty_cloud_has_no_resource_group(localcloud):
    import httpx
    home = localcloud.home
    manager = httpx.Client(base_url=home.resource_manager, verify=False, trust_env=False, proxy=home.proxy)
    token = localcloud.credential().get_token(f"{home.resource_manager}/.default").token
    answer = manager.get(
        "/subscriptions/10ca1c10-0d00-4000-8000-000000000001/resourceGroups/lab",
        params={"api-version": "2024-03-01"}, headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 404, answer.text
"""


def blocks(language: str) -> list[str]:
    return [body for found, body in BLOCK.findall(README.read_text()) if found == language]


@pytest.fixture
def with_azurite(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder has no node_modules in which Azurite could be found."""
    monkeypatch.setenv(emulator.VARIABLE, str(emulator.azurite(README.parent)))


@pytest.mark.usefixtures("with_azurite")
def test_the_first_use_works_as_it_is_written(tmp_path: Path) -> None:
    [script] = blocks("sh")
    lines = [line for line in script.splitlines() if not line.startswith(INSTALLS)]
    assert len(lines) < len(script.splitlines()), "the README says how to install"
    # Another cloud may be running on this machine.
    script = "\n".join(lines).replace("localcloud up", "localcloud up --free-ports")
    script = script.replace(
        "localcloud down",
        "python -c 'from azure.identity import DefaultAzureCredential;"
        ' DefaultAzureCredential().get_token("https://storage.azure.com/.default")\'\nlocalcloud down',
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("with_azurite")
def test_the_fixture_works_as_it_is_written_and_deletes_its_home(pytester: pytest.Pytester) -> None:
    conftest, test = blocks("python")
    pytester.makeconftest(conftest)
    pytester.makepyfile(f"{test}\n    print('home:', localcloud.home.root)\n")
    # Another app's folder has a cloud of its own in the same session.
    other = pytester.mkdir("other")
    (other / "conftest.py").write_text(OTHER_CONFTEST)
    (other / "test_other.py").write_text(OTHER_TEST)
    result = pytester.runpytest_subprocess("-s", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    [home] = [line.partition("home: ")[2] for line in result.outlines if "home: " in line]
    assert home
    assert not Path(home).exists()
