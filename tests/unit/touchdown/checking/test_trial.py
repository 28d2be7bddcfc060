"""A first run that cannot begin or cannot be followed is told, and what it left is deleted."""

from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError

from tests.unit.touchdown.checking.azure import Azure
from touchdown.checking import cleaning, trial
from touchdown.checking.deployment import Deployment
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.patience import PatientClient
from touchdown.client import Client


class Container:
    """A container whose uploads succeed or are refused; it remembers what was deleted."""

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.deleted: list[str] = []

    def get_blob_client(self, _: str) -> "Container":
        return self

    def upload_blob(self, *_: Any, **__: Any) -> dict[str, str]:
        if self.refusal:
            error = HttpResponseError("This request is not authorized to perform this operation.")
            error.status_code = self.refusal
            raise error
        return {"etag": '"0x1"'}

    def delete_blob(self, path: str) -> None:
        self.deleted.append(path)

    def list_blobs(self, **_: Any) -> list[Any]:
        return []


def client(azure: Azure, container: Container) -> tuple[Client, Deployment]:
    found = azure.deployment()
    made = azure.wired(PatientClient(found.target, lambda _: None))
    made.__dict__["container"] = container
    return made, found


def tried(azure: Azure, container: Container) -> list[Finding]:
    made, found = client(azure, container)
    return [*trial.trial(made, found, lambda _: None, limit=0.01)]


@pytest.mark.parametrize(("status", "hint"), [(403, True), (404, False)])
def test_an_upload_that_storage_refuses_is_told_with_what_is_needed(status: int, hint: bool) -> None:
    container = Container(refusal=status)
    (found,) = tried(Azure(), container)
    assert found.outcome is Outcome.FAILED
    assert "This request is not authorized to perform this operation." in found.message
    assert ("needs Storage Blob Data Contributor on container azureml-blobstore-" in found.message) is hint
    assert container.deleted == []


def test_a_run_that_does_not_start_is_told_with_its_row_and_its_dataset_is_deleted() -> None:
    container = Container()
    found, cleaned = tried(Azure(), container)
    assert "started no run" in found.message
    assert found.row == "there is no run"
    assert cleaned.outcome is Outcome.OK
    assert container.deleted[0].startswith("datasets/touchdown-check-")
    assert container.deleted[1].startswith("locks/touchdown-check-")


def test_a_run_that_cannot_be_followed_is_told_in_the_apps_words() -> None:
    azure = Azure()
    made, found = client(azure, Container())
    azure.default = httpx.Response(401, text="the key is wrong")
    ended, *left = trial.trial(made, found, lambda _: None)
    assert (ended.outcome, ended.check) == (Outcome.FAILED, "first run")
    assert "cannot be followed" in ended.message
    assert "the key is wrong" in ended.message
    assert "the run stays" in left[0].message


def test_an_interrupted_check_deletes_what_it_made() -> None:
    azure, container = Azure(), Container()
    made, found = client(azure, container)

    def interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    azure.default = httpx.Response(200, json={"run_id": "r", "status": "Succeeded", "value": []})
    for kind in ("batchEndpoints", "models"):
        azure.gone(f"{found.target.workspace_path}/{kind}/")
    with pytest.raises(KeyboardInterrupt):
        list(trial.trial(made, found, interrupted))
    assert container.deleted[0].startswith("datasets/touchdown-check-")


def test_an_app_that_gives_no_key_is_told_before_anything_is_uploaded() -> None:
    azure = Azure()
    azure.answers[f"{azure.id('sites')}/host/default/listkeys".lower()] = httpx.Response(400)
    (found,) = tried(azure, Container())
    assert found.outcome is Outcome.FAILED
    assert "the app gives no function key" in found.message


def test_what_azure_ml_is_still_working_on_is_deleted_later(monkeypatch: pytest.MonkeyPatch) -> None:
    azure = Azure()
    made, _ = client(azure, Container())
    monkeypatch.setattr(cleaning, "POLLING_INTERVAL", 0.0)
    path = f"{made.target.workspace_path}/batchEndpoints/e"
    azure.say(path, httpx.Response(409), httpx.Response(202), httpx.Response(200), httpx.Response(404))
    cleaning.delete(made, "batchEndpoints/e")
    assert azure.turns[path.lower()] == []
