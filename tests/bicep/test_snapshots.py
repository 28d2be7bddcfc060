"""The committed snapshots say what the templates deploy now."""

from pathlib import Path

import pytest

from scripts.bicep_compiler import VERSION, Compiler
from scripts.bicep_snapshots import (
    COMMAND,
    FOLDER,
    LOCAL,
    cases,
    changes,
    local_deployment,
    main,
    snapshot_of,
)

each_case = pytest.mark.parametrize(
    "case", [*cases(), *local_deployment()], ids=lambda case: f"{case.parent.name}-{case.stem}"
)


@each_case
def test_a_snapshot_is_up_to_date(compiler: Compiler, case: Path) -> None:
    changed = changes(compiler, case)
    if changed:
        said = [
            f"{case.name} deploys something else than its snapshot says; if that is meant, run: {COMMAND}",
            f"(this compiler is {compiler.version()}; the snapshots are written by {VERSION})",
            *(line[:160] for line in changed[:200]),
        ]
        pytest.fail("\n".join(said), pytrace=False)


def test_each_case_has_a_snapshot_and_each_snapshot_a_case() -> None:
    for folder, found in ((FOLDER, cases()), (LOCAL, local_deployment())):
        assert sorted(folder.glob("*.snapshot.json")) == [snapshot_of(case) for case in found], (
            f"run: {COMMAND}"
        )


def test_without_the_compiler_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BICEP", "")
    assert main([]) == 2
    assert "az bicep install" in capsys.readouterr().err
