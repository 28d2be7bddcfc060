"""A run gets one model version of its own, whatever versions people and other runs have made."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from activities import model_registry
from activities.model_registry import quality_tags, register_model
from runs.errors import RefusedError, TransientError
from runs.steps import ModelInput, ModelVersion
from services.clients import Clients
from tests.unit.kept import kept
from tests.unit.machine_learning import PUBLIC, WORKSPACE, Workspace
from tests.unit.rehearsed import RESULT, RUN, UPLOAD
from tests.unit.wire import SETTINGS, Answer, Blobs, Sent, Wire
from trainer import model_digest
from trainer.model_digest import digest_of_folder

ORDER = ModelInput(RUN, UPLOAD.etag, RESULT)
VERSIONS = f"{WORKSPACE}/models/iris/versions"


@dataclass
class Registry:
    """The versions of the model "iris", with their tags, behind a Wire.

    refusal: the status with which a PUT is refused. meanwhile: the version that another run registers just
    before that. registered: the body of each version that was made, as it was sent.
    """

    versions: dict[str, dict[str, str] | None] = field(default_factory=dict)
    refusal: int = 0
    meanwhile: str = ""
    registered: dict[str, Any] = field(default_factory=dict)
    listings: list[dict[str, str]] = field(default_factory=list)
    files: Blobs = field(default_factory=Blobs)

    @property
    def clients(self) -> Clients:
        return kept(Wire(self).clients(PUBLIC), model_name="iris")

    def __call__(self, sent: Sent) -> Answer:
        if sent.path == VERSIONS and "$top" not in sent.query:
            self.listings.append(dict(sent.query))
            if not self.versions:
                return Answer(404, {"error": {"code": "NotFound", "message": "there is no such model"}})
            return Answer(200, {"value": [self._body(each) for each in self.versions]})
        if sent.method == "PUT" and sent.path.startswith(VERSIONS):
            return self._put(sent.path.rpartition("/")[2], sent.body)
        if sent.path == VERSIONS:  # azure-ai-ml looks for the newest version before it makes one
            return Answer(200, {"value": []})
        return Workspace(blobs=self.files)(sent)

    def _put(self, version: str, body: Any) -> Answer:
        if self.meanwhile:
            self.versions[self.meanwhile] = {"run": "another"}
        if self.refusal:
            return Answer(self.refusal, {"error": {"code": "Refused", "message": "in Azure's words"}})
        self.versions[version] = body["properties"]["tags"]
        self.registered[version] = body["properties"]
        return Answer(201, self._body(version))

    def _body(self, version: str) -> dict[str, Any]:
        path = f"{SETTINGS.workspace_id}/models/iris/versions/{version}"
        properties = {"modelType": "mlflow_model", "modelUri": "azureml://x", "flavors": {}}
        return {"id": path, "name": version, "properties": properties | {"tags": self.versions[version]}}


# --- The number of a version --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "version"),
    [
        ([], "1"),
        (["1", "2"], "3"),
        (["9", "10"], "11"),
        (["draft"], "1"),
        (["draft", "1.5", "2", "v7", "1_0", "-3"], "3"),
    ],
    ids=["no model", "two", "ten is more than nine", "made by a person", "numbers among others"],
)
def test_a_version_gets_the_next_number_whatever_people_call_theirs(
    versions: list[str], version: str
) -> None:
    registry = Registry(dict.fromkeys(versions))
    assert register_model(ORDER, registry.clients) == ModelVersion("iris", version)
    assert list(registry.registered) == [version]


def test_an_archived_version_has_its_number_too() -> None:
    """A list without listViewType leaves archived versions out, and their numbers cannot be taken again."""
    registry = Registry()
    register_model(ORDER, registry.clients)
    assert {each["listViewType"] for each in registry.listings} == {"All"}


def test_a_repeated_registration_finds_the_version_of_its_own_run() -> None:
    registry = Registry({"draft": None, "1": {"run": "another"}})
    first = register_model(ORDER, registry.clients)
    assert register_model(ORDER, registry.clients) == first
    assert list(registry.registered) == ["2"]


# --- A registration that is refused -------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 409])
def test_a_number_that_another_run_has_taken_meanwhile_is_tried_again_with_the_next(status: int) -> None:
    registry = Registry({"1": None}, refusal=status, meanwhile="2")
    with pytest.raises(TransientError) as waiting:
        register_model(ORDER, registry.clients)
    assert str(waiting.value) == "model iris: another run registered version 2 in the meantime"
    registry.refusal, registry.meanwhile = 0, ""
    assert register_model(ORDER, registry.clients).version == "3"


@pytest.mark.parametrize(
    ("status", "meanwhile"),
    [(400, ""), (409, ""), (400, "7"), (403, ""), (403, "2")],
    ids=["invalid", "conflict", "another number", "forbidden", "forbidden and taken"],
)
def test_any_other_refusal_is_raised_in_azures_own_words(status: int, meanwhile: str) -> None:
    registry = Registry({"1": None}, refusal=status, meanwhile=meanwhile)
    with pytest.raises(HttpResponseError, match="in Azure's words") as refused:
        register_model(ORDER, registry.clients)
    assert refused.value.status_code == status


# --- The digest of the files ----------------------------------------------------------------------------

FILES = {
    "MLmodel": b"flavors: {}",
    "model.pkl": b"\x80" * 100_000,
    "code/touchdown_model.py": b"",
    "a b": b"1",
}


def left_by_the_training(files: dict[str, bytes]) -> Registry:
    registry = Registry()
    registry.files.put(f"{RESULT.folder}-of-another/MLmodel", b"")
    for name, content in files.items():
        registry.files.put(f"{RESULT.folder}/{name}", content)
    return registry


def digest_tagged(files: dict[str, bytes]) -> str:
    registry = left_by_the_training(files)
    register_model(ORDER, registry.clients)
    return str(registry.registered["1"]["tags"]["sha256"])


def test_the_digest_of_a_version_is_the_one_that_the_trainer_takes_of_the_downloaded_files(
    tmp_path: Path,
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert digest_tagged(FILES) == digest_of_folder(tmp_path)


@pytest.mark.parametrize(
    "changed",
    [
        {"code/sitecustomize.py": b"import os"},
        {"code/touchdown_model.py": b"import os"},
        {"model.pkl": b"\x80" * 99_999 + b"\x81"},
        {"A B": b"1"},
    ],
    ids=["added", "code", "one byte", "another name"],
)
def test_every_file_of_a_model_counts(changed: dict[str, bytes]) -> None:
    assert digest_tagged(FILES | changed) != digest_tagged(FILES)


def test_a_file_that_is_left_out_or_renamed_counts() -> None:
    without = {name: content for name, content in FILES.items() if name != "a b"}
    assert len({digest_tagged(FILES), digest_tagged(without), digest_tagged(without | {"ab": b"1"})}) == 3


@pytest.mark.parametrize(("most", "of"), [("MOST_FILES", 3), ("MOST_BYTES", 100_011)])
def test_a_folder_that_holds_more_than_a_model_is_not_read_to_its_end(
    most: str, of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever trains may write whatever it likes below its run."""
    for module in (model_digest, model_registry):
        monkeypatch.setattr(module, most, of, raising=False)
    with pytest.raises(RefusedError, match=f"^{RESULT.folder}: it has more than ") as refused:
        digest_tagged(FILES)
    assert refused.value.code == "InvalidModel"
    monkeypatch.setattr(model_digest, most, of + 1)
    monkeypatch.setattr(model_registry, most, of + 1, raising=False)
    assert digest_tagged(FILES)


# --- Tags ---------------------------------------------------------------------------------------------


def test_what_a_training_does_not_say_is_tagged_as_unknown() -> None:
    """Azure ML refuses an empty tag."""
    registry = Registry()
    silent = replace(RESULT, label="", algorithm="", mlflow_run_id="")
    register_model(replace(ORDER, result=silent), registry.clients)
    tags = registry.registered["1"]["tags"]
    assert {tags[name] for name in ("label", "algorithm", "mlflow_run")} == {"unknown"}
    assert all(tags.values())


def test_long_names_are_tagged_with_their_beginning() -> None:
    comparison = RESULT.gate.champion
    assert comparison is not None
    gate = replace(RESULT.gate, champion=replace(comparison, model="m" * 300 + ":1"))
    long = replace(RESULT, label="l" * 300, algorithm="a" * 300, gate=gate)
    registry = Registry()
    register_model(replace(ORDER, result=long), registry.clients)
    tags = registry.registered["1"]["tags"]
    assert (tags["label"], tags["algorithm"], tags["champion"]) == ("l" * 256, "a" * 256, "m" * 256)


def test_a_model_is_tagged_with_what_it_was_compared_to() -> None:
    tags = quality_tags(RESULT)
    assert (tags["champion"], tags["champion_value"]) == ("iris_classification:6", "0.95")
    alone = quality_tags(replace(RESULT, gate=replace(RESULT.gate, champion=None)))
    assert not {"champion", "champion_value"} & set(alone)
