"""The commands of the documents do what they say for a reader who types them from top to bottom.

Each document is typed into one shell, in a folder that has what a checkout has. Commands that need Azure, and
those that install something or start and stop the stack, are left out (tests/snippets.py).
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from localcloud.controls import Controls
from localcloud.home import Home, Ports
from localcloud.stack import Stack

from tests.checkout import CHECKOUT
from tests.e2e.conftest import LIMIT, QUICK, iris
from tests.snippets import DOCUMENTS, blocks
from touchdown import local
from touchdown.client import ApiError, Client

pytestmark = pytest.mark.e2e

README = CHECKOUT / "README.md"
SCRIPTS = {
    document: script
    for document in DOCUMENTS
    if (script := "".join(block.runnable for block in blocks(document)))
}
PRELUDE = """
curl() { command curl --fail-with-body --silent --show-error "$@"; }
"""
"""curl exits with 0 whatever the status is; here an error of HTTP is an error of the document."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of the readers' own: they upload the lab's dataset, whose first model other tests look for."""
    home = Home.open(tmp_path_factory.mktemp("readers") / "home", Ports.free())
    with local.start(home, CHECKOUT, app_settings=QUICK) as running:
        yield running


@pytest.fixture
def folder(cloud: Stack, client: Client, tmp_path: Path) -> Iterator[Path]:
    """The folder of a reader: a checkout after `make up`, as far as the commands see it.

    The runs that a reader leaves are cancelled, for the next one waits for the one node.
    """
    (tmp_path / ".localcloud").symlink_to(cloud.home.root)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".venv-trainer").symlink_to(CHECKOUT / ".venv-trainer")
    (tmp_path / "scripts").symlink_to(CHECKOUT / "scripts")
    yield tmp_path
    for left in client.runs(status="Running"):
        try:
            client.cancel(left["run_id"])
        except ApiError as error:
            if error.code not in ("RunEnded", "TooLate"):
                raise


def type_in(cloud: Stack, script: str, folder: Path) -> str:
    """What a document's commands print, typed into one shell that ends at the first failure."""
    for name, port in vars(Ports()).items():
        script = re.sub(rf"\b{port}\b", str(getattr(cloud.home.ports, name)), script)
    own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        ["bash", "-eux", "-c", PRELUDE + script],
        cwd=folder,
        env=own | {"PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_documents_with_commands_are_found() -> None:
    assert {path.name for path in SCRIPTS} >= {"README.md", "command-line.md", "http.md", "localcloud.md"}


@pytest.mark.parametrize("document", SCRIPTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_the_commands_of_a_document_work_from_top_to_bottom(
    cloud: Stack, controls: Controls, folder: Path, document: Path
) -> None:
    printed = type_in(cloud, SCRIPTS[document], folder)
    if document == README:
        assert table_of_predictions(printed) == table_of_predictions(README.read_text())


def test_the_python_example_of_the_client_uploads_and_waits(
    cloud: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example starts a stack of its own; here it gets the readers' stack."""
    [example] = re.findall(
        r"^```python\n(.*?)^```",
        (CHECKOUT / "docs" / "command-line.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    start = signature(local.start)

    @contextmanager
    def started(*given: Any) -> Iterator[Stack]:
        start.bind(*given)
        yield cloud

    monkeypatch.setattr(local, "start", started)
    monkeypatch.setattr(Home, "open", lambda *_: cloud.home)
    monkeypatch.chdir(folder)
    iris(folder)
    exec(compile(example, "docs/command-line.md", "exec"), {})
    assert "'accuracy': " in capsys.readouterr().out


def table_of_predictions(text: str) -> list[list[str]]:
    """The table that `touchdown score` prints, without probabilities, which are each model's own."""
    rows = [line.split() for line in text[text.index("row  sepal_length") :].splitlines()[:4]]
    assert rows[0][-1] == "probability_virginica"
    return [rows[0], *(row[:-3] for row in rows[1:])]
