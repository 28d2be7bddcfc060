"""What a deployment publishes: the trainer's files in a folder named for them, the pipeline's defaults."""

from pathlib import Path

import pytest

from localcloud import deployment
from localcloud.datafactory import linked_services, reading
from localcloud.home import CONTAINER, Home, Ports
from scripts import publish_trainer


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    published = ("main.py", "requirements.txt", "report.html.j2")
    for name in (*published, "README.md", "README.txt", "test_main.py", ".env", "x.pyc"):
        (tmp_path / name).write_text(name)
    (tmp_path / "__pycache__").mkdir()
    return tmp_path


def test_code_and_pins_are_published_and_nothing_else(trainer: Path) -> None:
    assert set(publish_trainer.trainer_files(trainer)) == {"main.py", "requirements.txt", "report.html.j2"}


def test_the_folder_is_named_for_the_contents(trainer: Path) -> None:
    path = publish_trainer.code_path(publish_trainer.trainer_files(trainer))
    folder, digest = path.split("/")
    assert (folder, len(digest)) == ("code", 16)
    assert publish_trainer.code_path(publish_trainer.trainer_files(trainer)) == path
    (trainer / "README.md").write_text("other words")
    assert publish_trainer.code_path(publish_trainer.trainer_files(trainer)) == path
    (trainer / "main.py").write_text("other code")
    assert publish_trainer.code_path(publish_trainer.trainer_files(trainer)) != path


def test_a_file_cannot_pass_for_the_beginning_of_another() -> None:
    assert publish_trainer.code_path({"a": b"bc"}) != publish_trainer.code_path({"ab": b"c"})
    assert publish_trainer.code_path({"a": b"b", "c": b"d"}) != publish_trainer.code_path(
        {"a": b"bc", "d": b""}
    )


def test_the_pipeline_gets_the_defaults_of_this_cloud(tmp_path: Path) -> None:
    home = Home.open(tmp_path, Ports())
    definition = deployment.pipeline(home, "code/0123456789abcdef")
    train = reading.read(definition["name"], definition["properties"])
    defaults = {name: each.default for name, each in train.parameters.items() if each.has_default}
    assert defaults["accountUrl"] == home.blob_url
    assert defaults["container"] == CONTAINER
    assert defaults["codePath"] == "code/0123456789abcdef"
    assert defaults["clientId"] == ""
    assert {name for name, each in train.parameters.items() if not each.has_default} == {
        "runId",
        "dataset",
        "etag",
    }


def test_the_linked_services_lead_to_this_clouds_storage_and_pool(tmp_path: Path) -> None:
    home = Home.open(tmp_path, Ports())
    services = deployment.linked_services(home)
    assert [linked_services.check(name, each) for name, each in services.items()] == [None, "storage"]
    linked_services.check_storage(home, "storage", services["storage"])
    assert linked_services.check_batch("batch", services["batch"]) == "storage"
