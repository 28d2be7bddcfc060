"""What Microsoft's compiler, its linter and its formatter say about the templates."""

import shutil
from pathlib import Path

import pytest

from scripts.bicep_compiler import VERSION, BicepError, Compiler, find_compiler
from scripts.bicep_snapshots import cases, local_deployment
from tests.checkout import CHECKOUT

BICEP = CHECKOUT / "bicep"
ENTRIES = [BICEP / name for name in ("main.bicep", "events.bicep", "modules/pipeline.bicep")]
"""The files that azd and the scripts deploy."""
FILES = [*sorted(BICEP.rglob("*.bicep")), *cases(), *local_deployment()]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_file_compiles_without_an_error_or_a_warning(compiler: Compiler, entry: Path) -> None:
    built = compiler.build(entry)
    assert [str(each) for each in built.diagnostics] == []
    assert built.template is not None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_formatted(compiler: Compiler, file: Path) -> None:
    assert file.read_text() == compiler.format(file), f"run: bicep format {file.relative_to(CHECKOUT)}"


def test_a_fault_is_reported(compiler: Compiler, tmp_path: Path) -> None:
    shutil.copytree(BICEP, tmp_path / "bicep")
    entry = tmp_path / "bicep" / "main.bicep"
    entry.write_text(
        entry.read_text() + "\nvar unused = 1\n@description('Wrong.')\noutput wrong string = waitingHours\n"
    )
    built = compiler.build(entry)
    assert {(each.level, each.code) for each in built.diagnostics} == {
        ("Error", "no-unused-vars"),
        ("Error", "BCP033"),
    }
    assert built.template is None


def test_a_refused_request_names_the_file_and_the_reason(compiler: Compiler, tmp_path: Path) -> None:
    case = tmp_path / "case.bicepparam"
    case.write_text("using 'nothing.bicep'\n")
    with pytest.raises(BicepError, match=r"(?s)case\.bicepparam.*nothing\.bicep"):
        compiler.snapshot(case)


def test_the_compiler_is_the_one_that_the_environment_names(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "bicep"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_compiler({"BICEP": str(program), "PATH": ""}) == program
    assert find_compiler({"BICEP": "", "PATH": str(program.parent)}) is None
    assert find_compiler({"PATH": str(program.parent)}) == program
    assert find_compiler({"PATH": "", "AZURE_CONFIG_DIR": str(tmp_path)}) == program
    with pytest.raises(BicepError, match="set it to the path of bicep"):
        find_compiler({"BICEP": str(tmp_path / "none")})


def test_ci_and_the_documents_install_the_version_that_wrote_the_snapshots() -> None:
    for file in (".github/workflows/ci.yml", "docs/deploy.md"):
        assert f"az bicep install --version v{VERSION}" in (CHECKOUT / file).read_text(), file
