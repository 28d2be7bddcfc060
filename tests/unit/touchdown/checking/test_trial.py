"""A first run that cannot begin or cannot be followed is told, and what it left is deleted."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobProperties

from tests.unit.touchdown.checking.azure import Azure
from touchdown.checking import by_hand, cleaning, trial
from touchdown.checking.deployment import Deployment
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.first_run import Attempt, Report
from touchdown.checking.patience import PatientClient
from touchdown.client import Client


class Container:
    """A container whose uploads succeed or are refused; it remembers what was deleted.

    lost: what ends an upload after the blob is there. at_deletion: what ends the deletion of a dataset.
    """

    def __init__(
        self,
        refusal: int = 0,
        lost: BaseException | None = None,
        at_deletion: BaseException | None = None,
    ) -> None:
        self.refusal = refusal
        self.lost = lost
        self.at_deletion = at_deletion
        self.uploaded = False
        self.deleted: list[str] = []

    def get_blob_client(self, _: str) -> "Container":
        return self

    def upload_blob(self, *_: Any, **__: Any) -> dict[str, str]:
        if self.refusal:
            error = HttpResponseError("This request is not authorized to perform this operation.")
            error.status_code = self.refusal
            raise error
        self.uploaded = True
        if self.lost:
            raise self.lost
        return {"etag": '"0x1"'}

    def get_blob_properties(self) -> BlobProperties:
        if not self.uploaded:
            raise ResourceNotFoundError("The specified blob does not exist.")
        properties = BlobProperties()
        properties.etag = '"0x1"'
        return properties

    def delete_blob(self, path: str) -> None:
        if self.at_deletion and path.startswith("datasets/"):
            raise self.at_deletion
        self.deleted.append(path)

    def list_blobs(self, **_: Any) -> list[Any]:
        return []

    def close(self) -> None:
        """A ContainerClient has one."""


def client(azure: Azure, container: Container) -> tuple[Client, Deployment]:
    found = azure.deployment()
    made = azure.wired(PatientClient(found.target, lambda _: None))
    made.__dict__["container"] = container
    return made, found


def tried(azure: Azure, container: Container) -> list[Finding]:
    made, found = client(azure, container)
    told: list[Finding] = []
    trial.trial(made, found, told.append, limit=0.01)
    return told


@pytest.mark.parametrize(("status", "hint"), [(403, True), (404, False)])
def test_an_upload_that_storage_refuses_is_told_with_what_is_needed(status: int, hint: bool) -> None:
    container = Container(refusal=status)
    (found,) = tried(Azure(), container)
    assert found.outcome is Outcome.FAILED
    assert "This request is not authorized to perform this operation." in found.message
    assert ("needs Touchdown blob writer on container azureml-blobstore-" in found.message) is hint
    assert container.deleted == []


def test_a_run_that_does_not_start_is_told_with_its_row_and_its_dataset_is_deleted() -> None:
    container = Container()
    found, cleaned = tried(Azure(), container)
    assert "started no run" in found.message
    assert found.row == "there is no run"
    assert cleaned.outcome is Outcome.OK
    assert container.deleted[0].startswith("datasets/touchdown-check-")
    assert len(container.deleted) == 1


def test_a_run_that_cannot_be_followed_is_told_in_the_apps_words() -> None:
    azure = Azure()
    made, found = client(azure, Container())
    azure.default = httpx.Response(401, text="the key is wrong")
    told: list[Finding] = []
    trial.trial(made, found, told.append)
    ended, *left = told
    assert (ended.outcome, ended.check) == (Outcome.FAILED, "first run")
    assert "cannot be followed" in ended.message
    assert "the key is wrong" in ended.message
    assert "the run stays" in left[0].message


@contextmanager
def interrupted() -> Iterator[Report]:
    """A Ctrl-C at the first poll of the run."""

    def poll(_: Any) -> None:
        raise KeyboardInterrupt

    yield poll


def run_that_ended(azure: Azure, found: Deployment) -> None:
    """The app knows a run that has ended, and the workspace has neither its endpoint nor its model."""
    azure.default = httpx.Response(200, json={"run_id": "r", "status": "Succeeded", "value": []})
    for kind in ("batchEndpoints", "models"):
        azure.gone(f"{found.target.workspace_path}/{kind}/")


def told_until_interrupted(azure: Azure, container: Container) -> list[Finding]:
    """What a trial told, which a Ctrl-C ended."""
    made, found = client(azure, container)
    run_that_ended(azure, found)
    told: list[Finding] = []
    with pytest.raises(KeyboardInterrupt):
        trial.trial(made, found, told.append, following=interrupted)
    return told


def test_an_interrupted_check_deletes_what_it_made_and_tells_so() -> None:
    container = Container()
    (cleaned,) = told_until_interrupted(Azure(), container)
    assert container.deleted[0].startswith("datasets/touchdown-check-")
    assert (cleaned.check, cleaned.outcome) == ("clean-up", Outcome.OK)


def test_an_interrupted_check_tells_what_it_could_not_delete_and_how_to() -> None:
    container = Container(at_deletion=HttpResponseError("The blob has a lease."))
    (left,) = told_until_interrupted(Azure(), container)
    assert (left.check, left.outcome) == ("clean-up", Outcome.FAILED)
    assert re.match(r"dataset touchdown-check-\w+\.csv stays: The blob has a lease\.", left.message)
    assert re.search(
        r" az storage blob delete --auth-mode login --account-name stdata\w* --container-name azureml-\S+"
        r" --name datasets/touchdown-check-\w+\.csv$",
        left.message,
    )


def test_a_second_interrupt_tells_all_that_may_be_left_and_how_to_delete_it() -> None:
    container = Container(at_deletion=KeyboardInterrupt())
    dataset, files = told_until_interrupted(Azure(), container)
    assert container.deleted == []
    for each, what in ((dataset, "dataset touch"), (files, "files of run ")):
        assert each.outcome is Outcome.FAILED
        assert each.message.startswith(what)
        assert " may be left: the clean-up was interrupted. To delete " in each.message
        assert ": az storage blob delete" in each.message


def test_a_person_hears_of_an_interrupt_before_the_clean_up() -> None:
    azure, heard = Azure(), list[str]()
    made, found = client(azure, Container())
    run_that_ended(azure, found)
    with pytest.raises(KeyboardInterrupt):
        trial.trial(
            made,
            found,
            lambda finding: heard.append(finding.check),
            following=interrupted,
            on_interrupt=lambda: heard.append("interrupted"),
        )
    assert heard == ["interrupted", "clean-up"]


def test_what_an_interrupted_upload_made_is_deleted() -> None:
    container = Container(lost=KeyboardInterrupt())
    (cleaned,) = told_until_interrupted(Azure(), container)
    assert cleaned.outcome is Outcome.OK
    assert container.deleted[0].startswith("datasets/touchdown-check-")


def test_an_upload_that_storage_made_but_did_not_answer_is_deleted() -> None:
    azure, container = Azure(), Container(lost=ServiceResponseError("the connection was closed"))
    failed, cleaned = tried(azure, container)
    assert "the connection was closed" in failed.message
    assert cleaned.outcome is Outcome.OK
    assert container.deleted[0].startswith("datasets/touchdown-check-")


def test_a_dataset_that_cannot_be_looked_for_is_told_with_how_to_delete_it() -> None:
    class Unreached(Container):
        def upload_blob(self, *_: Any, **__: Any) -> dict[str, str]:
            raise ServiceRequestError("there is no such host")

        def get_blob_properties(self) -> BlobProperties:
            raise ServiceRequestError("there is still no such host")

    failed, left = tried(Azure(), Unreached())
    assert "there is no such host" in failed.message
    assert " may be left: there is still no such host. To delete it: az storage blob delete " in left.message


def test_an_upload_that_did_not_arrive_leaves_nothing_to_delete() -> None:
    class Away(Container):
        def upload_blob(self, *_: Any, **__: Any) -> dict[str, str]:
            raise KeyboardInterrupt

    container = Away()
    assert told_until_interrupted(Azure(), container) == []
    assert container.deleted == []


def test_a_clean_up_goes_on_after_a_call_without_an_answer() -> None:
    azure, container = Azure(), Container()
    made, found = client(azure, container)
    path = f"{found.target.workspace_path}/batchEndpoints/e"
    azure.answers[path.lower()] = httpx.ReadTimeout("no answer in 100 s")
    told: list[Finding] = []
    cleaning.clean(made, Attempt("d.csv", "m", "e", "r"), told.append)
    (left,) = told
    assert left.message.startswith("endpoint e stays: no answer in 100 s")
    assert f' az rest --method delete --url "https://management.test{path}?api-version=' in left.message
    assert container.deleted[0] == "datasets/d.csv"


def test_an_app_that_gives_no_key_is_told_before_anything_is_uploaded() -> None:
    azure = Azure()
    azure.answers[f"{azure.id('sites')}/host/default/listkeys".lower()] = httpx.Response(400)
    (found,) = tried(azure, Container())
    assert found.outcome is Outcome.FAILED
    assert "the app gives no function key" in found.message


def test_a_run_that_stays_is_cancelled_by_hand_with_what_the_app_asks_for() -> None:
    _, found = client(Azure(), Container())
    assert '-H "x-functions-key: KEY", with a function key' in by_hand.run(found.target, "r")
    told = by_hand.run(replace(found.target, api_scope="c1/.default"), "r")
    assert "x-functions-key" not in told
    assert ' -H "x-touchdown-client: curl" -H "Authorization: Bearer TOKEN", with the TOKEN of: ' in told
    assert "az account get-access-token --scope c1/.default " in told


def test_what_azure_ml_is_still_working_on_is_deleted_later(monkeypatch: pytest.MonkeyPatch) -> None:
    azure = Azure()
    made, _ = client(azure, Container())
    monkeypatch.setattr(cleaning, "POLLING_INTERVAL", 0.0)
    path = f"{made.target.workspace_path}/batchEndpoints/e"
    azure.say(path, httpx.Response(409), httpx.Response(202), httpx.Response(200), httpx.Response(404))
    cleaning.delete(made, "batchEndpoints/e")
    assert azure.turns[path.lower()] == []
