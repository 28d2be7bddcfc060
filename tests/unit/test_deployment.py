"""What a deployment publishes: the trainer, by hash; the pipeline's defaults; the app."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import publish_trainer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    published = ("main.py", "requirements.txt", "report.html.j2", "conda.yaml")
    for name in (*published, "README.md", "README.txt", "test_main.py", ".env", "x.pyc", "x.lock"):
        (tmp_path / name).write_text(name)
    (tmp_path / "__pycache__").mkdir()
    return tmp_path


def test_code_and_pins_are_published_and_nothing_else(trainer: Path) -> None:
    files = {"main.py", "requirements.txt", "report.html.j2", "conda.yaml"}
    assert set(publish_trainer.trainer_files(trainer)) == files


def test_a_version_is_named_after_the_hash_of_its_archive(trainer: Path) -> None:
    named = publish_trainer.trainer_hash(publish_trainer.trainer_files(trainer))
    archive = publish_trainer.archive_of(publish_trainer.trainer_files(trainer))
    assert named == hashlib.sha256(archive).hexdigest()
    (trainer / "README.md").write_text("other words")
    assert publish_trainer.trainer_hash(publish_trainer.trainer_files(trainer)) == named
    (trainer / "main.py").write_text("other code")
    assert publish_trainer.trainer_hash(publish_trainer.trainer_files(trainer)) != named


def test_files_that_are_split_differently_have_different_hashes() -> None:
    assert publish_trainer.trainer_hash({"a": b"bc"}) != publish_trainer.trainer_hash({"ab": b"c"})
    assert publish_trainer.trainer_hash({"a": b"b", "c": b"d"}) != publish_trainer.trainer_hash(
        {"a": b"bc", "d": b""}
    )


def test_the_order_of_the_files_does_not_matter() -> None:
    assert publish_trainer.trainer_hash({"a": b"1", "b": b"2"}) == publish_trainer.trainer_hash(
        {"b": b"2", "a": b"1"}
    )


# --- The package of the app -------------------------------------------------------------------------------

APP = {"function_app.py", "host.json", "requirements.txt"}
APP |= {"trainer/model_digest.py", "trainer/verdict_rules.py"}
APP |= {f"trainer/{file.name}" for file in (ROOT / "trainer").glob("dialect*.py")}
"""The files of the app outside its packages."""


def published(path: str) -> bool:
    """Whether Core Tools puts a file into the package. Its rules match prefixes and differ from git's.

    Source: GitIgnoreParser.cs of azure-functions-core-tools.
    """
    rules = (ROOT / ".funcignore").read_text().split()

    def matches(rule: str) -> bool:
        escaped = re.sub(r"[-\[\]/{}()+?.\\^$|]", r"\\\g<0>", rule)
        return re.match(escaped.replace("*", "([^/]+)"), path) is not None

    kept = any(matches(rule[1:]) for rule in rules if rule.startswith("!"))
    return kept or not any(matches(rule) for rule in rules if not rule.startswith("!"))


def test_the_package_holds_the_app_and_the_modules_shared_with_the_trainer_and_nothing_else() -> None:
    packages = ("activities", "orchestrators", "runs", "services", "triggers")
    others = ("benchmarks", "bicep", "docs", "packages", "scripts", "tests", "touchdown", "trainer")
    files = [each for each in ROOT.iterdir() if each.is_file()]
    files += [each for folder in packages + others for each in (ROOT / folder).rglob("*") if each.is_file()]
    names = {each.relative_to(ROOT).as_posix() for each in files if "__pycache__" not in each.parts}
    wanted = {name for name in names if name.split("/")[0] in packages} | APP
    assert {name for name in names if published(name)} == wanted
    assert not published("local.settings.json"), (
        "it holds secrets; and * in a rule matches at least one character"
    )


def test_the_package_can_import_everything_that_the_app_imports(tmp_path: Path) -> None:
    for folder in ("activities", "orchestrators", "runs", "services", "triggers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "trainer").mkdir()
    for name in APP:
        shutil.copy(ROOT / name, tmp_path / name)
    program = "import function_app, trainer.dialect, sys; print(trainer.dialect.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "trainer" / "dialect.py")
