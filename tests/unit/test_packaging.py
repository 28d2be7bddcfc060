"""The wheels: what is in them, that they can be used, and that they declare what they import."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]
SHARED_RULES = {f"trainer/{file.name}" for file in (ROOT / "trainer").glob("dialect*.py")}
SHARED_RULES |= {"trainer/verdict_rules.py"}
"""The trainer's modules that the app and the client use too. They need chardet and no other package."""
OWN = {"touchdown", "runs", "trainer"}
SITE_PACKAGES = Path(pytest.__file__).parents[1]


def uv(*arguments: str) -> None:
    done = subprocess.run(
        [find_uv_bin(), "--offline", "--no-config", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and this one's packages, without those that come from a checkout."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(folder))
    uv("pip", "install", "--quiet", "--no-deps", "--python", str(folder / "bin" / "python"), str(wheel))
    [packages] = folder.glob("lib/python3*/site-packages")
    # Python reads no .pth file of a folder that it finds through one, so editable installs stay behind.
    (packages / "dependencies.pth").write_text(f"{SITE_PACKAGES}\n")
    return folder


def files(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_holds_what_client_and_command_line_need_and_nothing_else(wheel: Path) -> None:
    sources = {
        str(file.relative_to(ROOT))
        for folder in ("touchdown", "runs")
        for pattern in ("*.py", "py.typed", "*.json")
        for file in (ROOT / folder).rglob(pattern)
    }
    packed = {name for name in files(wheel) if ".dist-info/" not in name}
    assert packed == sources | SHARED_RULES


def run(environment: Path, folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installed_command_answers_from_any_folder(environment: Path, tmp_path: Path) -> None:
    for command in (["touchdown"], ["python", "-m", "touchdown"]):
        done = run(environment, tmp_path, *command, "--version")
        assert done.stdout == f"touchdown {declared()['version']}\n", done.stderr
        assert run(environment, tmp_path, *command, "upload", "--help").returncode == 0


def test_every_module_but_those_of_local_is_imported_without_localcloud(
    environment: Path, wheel: Path, tmp_path: Path
) -> None:
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in sorted(files(wheel))
        if name.endswith(".py") and "touchdown/local/" not in name and name != "touchdown/__main__.py"
    ]
    done = run(environment, tmp_path, "python", "-c", "\n".join(f"import {name}" for name in modules))
    assert done.returncode == 0, done.stderr


def test_help_and_wrong_usage_import_nothing_that_takes_long(environment: Path, tmp_path: Path) -> None:
    slow = "azure", "httpx", "localcloud", "yaml"
    loaded = f"print(*(name for name in {slow} if name in sys.modules))"
    done = run(environment, tmp_path, "python", "-c", f"import sys, touchdown.cli.app; {loaded}")
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_without_localcloud_the_installed_command_says_that_it_is_missing(
    environment: Path, tmp_path: Path
) -> None:
    done = run(environment, tmp_path, "touchdown", "runs")
    assert done.returncode == 4, done.stderr
    assert "needs localcloud, which is not installed" in done.stderr


def declared(file: Path = ROOT / "pyproject.toml") -> dict[str, object]:
    project: dict[str, object] = tomllib.loads(file.read_text())["project"]
    return project


def dependencies(file: Path) -> set[str]:
    listed = declared(file)["dependencies"]
    assert isinstance(listed, list)
    return {name_of(each) for each in listed}


def name_of(requirement: str) -> str:
    name = requirement.partition("[")[0]
    for mark in "<>=~! ;":
        name = name.partition(mark)[0]
    return name.lower().replace("_", "-")


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield node.module or ""


def distribution_of(module: str) -> str:
    """The distribution that a third party's module belongs to."""
    parts = module.split(".")
    if parts[0] == "azure":
        names = ("-".join(parts[:length]) for length in range(len(parts), 1, -1))
        return next(name for name in names if name in by_package()["azure"])
    [found] = by_package()[parts[0]]
    return found


@cache
def by_package() -> dict[str, set[str]]:
    """By top-level package, the distributions that install into it."""
    return {package: {name_of(each) for each in names} for package, names in packages_distributions().items()}


def third_parties(sources: set[Path], own: set[str]) -> set[str]:
    modules = {module for source in sources for module in imported(source)}
    foreign = {
        each for each in modules if each.split(".")[0] not in sys.stdlib_module_names | own | {"__future__"}
    }
    return {distribution_of(module) for module in foreign}


def test_touchdown_declares_the_packages_that_it_imports_and_no_others() -> None:
    shared = {ROOT / name for name in SHARED_RULES}
    sources = {*(ROOT / "touchdown").rglob("*.py"), *(ROOT / "runs").rglob("*.py"), *shared}
    own = OWN | {"localcloud"} | {Path(name).stem for name in SHARED_RULES}
    assert third_parties(sources, own) == dependencies(ROOT / "pyproject.toml")


def test_what_the_trainer_shares_needs_a_detector_of_encodings_alone() -> None:
    flat = {Path(name).stem for name in SHARED_RULES}
    assert "dialect_rows" in flat
    assert third_parties({ROOT / name for name in SHARED_RULES}, OWN | flat) == {"chardet"}


def test_app_client_and_trainer_have_the_same_detector_of_encodings() -> None:
    locks = [ROOT / name for name in ("requirements.txt", "requirements-dev.txt", "trainer/requirements.txt")]
    pins = {line for lock in locks for line in lock.read_text().splitlines() if line.startswith("chardet==")}
    assert len(pins) == 1
    assert pins.pop().removesuffix(" \\") in (ROOT / "pyproject.toml").read_text()
    assert all("\nchardet==" in lock.read_text() for lock in locks)
