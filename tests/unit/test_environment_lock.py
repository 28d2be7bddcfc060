"""The models' environment: pinned by the trainer's lock, and proven to be installable when it was locked."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from localcloud.machinelearning import images

from scripts import lock_environment
from tests.checkout import CHECKOUT

TRAINER = CHECKOUT / "trainer"
LOCK = (TRAINER / "requirements.txt").read_text()
TEXT = (TRAINER / "conda.yaml").read_text()
RESOLVED = tomllib.loads((TRAINER / "environment.lock").read_text())
INPUTS = RESOLVED.pop("inputs")
ADDED = {"azureml-core", "azureml-dataset-runtime", "azureml-defaults"}
AGAIN = "run `make lock`"


def test_the_text_is_what_the_trainers_lock_says() -> None:
    assert lock_environment.conda_yaml(LOCK) == TEXT, AGAIN


def test_the_resolutions_are_not_older_than_what_they_resolve() -> None:
    assert lock_environment.inputs(LOCK) == INPUTS, AGAIN
    assert list(RESOLVED) == list(lock_environment.trials(LOCK)), AGAIN


@pytest.mark.parametrize("trial", lock_environment.trials(LOCK))
def test_each_resolution_has_the_pins_and_what_azure_ml_adds(trial: str) -> None:
    pinned = dict(pin.split("==") for pin in lock_environment.pins(LOCK))
    assert pinned.items() <= RESOLVED[trial].items()
    added = {
        re.split(r"[>\[]", each)[0] for each in lock_environment.trials(LOCK)[trial] if "azureml" in each
    }
    assert {name for name in RESOLVED[trial] if name in ADDED} == added
    assert int(RESOLVED[trial]["setuptools"].split(".")[0]) < 82


def test_each_requirement_for_pip_is_pinned_to_one_version() -> None:
    (for_pip,) = [each for each in yaml.safe_load(TEXT)["dependencies"] if isinstance(each, dict)]
    assert [each for each in for_pip["pip"] if not re.fullmatch(r"[a-z-]+==\d+(\.\d+)+", each)] == []


def test_a_changed_lock_changes_the_text_and_the_hash_of_its_inputs() -> None:
    changed = re.sub("^numpy==.*? ", "numpy==2.0.0 ", LOCK, flags=re.MULTILINE)
    assert "  - numpy==2.0.0\n" in lock_environment.conda_yaml(changed)
    assert lock_environment.inputs(changed) != lock_environment.inputs(LOCK)


def test_what_cannot_be_installed_is_said_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("requirements.txt", "conda.yaml", "environment.lock"):
        shutil.copy(TRAINER / name, tmp_path)
    uv = tmp_path / "uv"
    uv.write_text(
        "#!/bin/sh\ngrep -q azureml && { echo 'no version of numpy fits' >&2; exit 1; }; echo a==1\n"
    )
    uv.chmod(0o755)
    assert lock_environment.main(str(uv), tmp_path) == 1
    said = capsys.readouterr().err
    assert said.startswith("The environment of the models (with azureml-core>=1.60) cannot be installed")
    assert "no version of numpy fits" in said
    assert "trainer/requirements.in" in said
    assert (tmp_path / "conda.yaml").read_text() == TEXT


def test_a_resolution_is_written_as_it_is_read(tmp_path: Path) -> None:
    shutil.copy(TRAINER / "requirements.txt", tmp_path)
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\ncat >/dev/null; printf 'b==2\\na-c==1.post1\\n'\n")
    uv.chmod(0o755)
    assert lock_environment.main(str(uv), tmp_path) == 0
    assert (tmp_path / "conda.yaml").read_text() == TEXT
    written = tomllib.loads((tmp_path / "environment.lock").read_text())
    assert written.pop("inputs") == INPUTS
    assert list(written.values()) == [{"b": "2", "a-c": "1.post1"}] * 4


def test_the_documents_show_the_text() -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "docs" / "data.md").read_text(), re.DOTALL)
    assert TEXT in shown


def test_localcloud_scores_a_model_with_this_text_in_the_trainers_environment_and_no_other() -> None:
    python = CHECKOUT / ".venv-trainer" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is missing: run `make setup`")
    images.build(TEXT, python)
    for pin in lock_environment.pins(LOCK):
        name = pin.partition("==")[0]
        with pytest.raises(images.ImageBuildError, match=re.escape(f"{name}==0.1 (it has ")):
            images.build(TEXT.replace(pin, f"{name}==0.1"), python)
