"""Registered models, through MLClient."""

import pytest
from azure.ai.ml.entities import Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from localcloud_tests.integration.machinelearning.conftest import DATASTORE_PATHS, Workbench

SOMEWHERE = f"{DATASTORE_PATHS}/runs/1/model"


def test_versions_count_up_and_latest_is_the_one_made_last(bench: Workbench) -> None:
    first = bench.register(SOMEWHERE, "counted", tags={"run": "1"})
    second = bench.register(f"{DATASTORE_PATHS}/runs/2/model", "counted", tags={"run": "2"})
    assert (first.version, second.version) == ("1", "2")
    assert bench.ml.models.get("counted", label="latest").tags == {"run": "2"}
    assert bench.ml.models.get("counted", version="1").tags == {"run": "1"}
    assert [model.version for model in bench.ml.models.list("counted")] == ["2", "1"]
    [container] = [model for model in bench.ml.models.list() if model.name == "counted"]
    assert container.latest_version == "2"


def test_register_model_twice_returns_the_same_version_with_the_new_tags(bench: Workbench) -> None:
    bench.register(SOMEWHERE, "twice", version="7", tags={"run": "1"}, description="first")
    again = bench.register(SOMEWHERE, "twice", version="7", tags={"run": "1", "approved": "yes"})
    assert again.tags == {"run": "1", "approved": "yes"}
    assert [model.version for model in bench.ml.models.list("twice")] == ["7"]
    assert bench.register(SOMEWHERE, "twice").version == "8"


def test_a_version_never_points_to_another_path(bench: Workbench) -> None:
    bench.register(SOMEWHERE, "fixed", version="1", tags={"run": "1"})
    with pytest.raises(HttpResponseError, match=r"\(UserError\) Asset paths cannot be updated\."):
        bench.register(f"{DATASTORE_PATHS}/elsewhere", "fixed", version="1", tags={"run": "2"})
    assert bench.ml.models.get("fixed", version="1").tags == {"run": "1"}


def test_an_empty_tag_is_refused(bench: Workbench) -> None:
    with pytest.raises(HttpResponseError, match="Tag values must not be null or empty: metrics"):
        bench.register(SOMEWHERE, "tagged", tags={"run": "1", "metrics": ""})
    with pytest.raises(ResourceNotFoundError):
        list(bench.ml.models.list("tagged"))


def test_a_version_and_then_the_model_are_deleted(bench: Workbench) -> None:
    for number in ("1", "2"):
        bench.register(SOMEWHERE, "deleted", version=number)
    assert bench.arm("DELETE", "models/deleted/versions/1").status_code == 200
    assert [model.version for model in bench.ml.models.list("deleted")] == ["2"]
    assert bench.arm("DELETE", "models/deleted").status_code == 200
    assert bench.arm("GET", "models/deleted/versions/2").status_code == 404
    assert bench.arm("DELETE", "models/deleted").status_code == 204


@pytest.mark.parametrize("name", ["-iris", "iris model", "a" * 256, "ïris"])
def test_a_name_that_azure_refuses_is_refused(bench: Workbench, name: str) -> None:
    with pytest.raises(HttpResponseError, match="is invalid"):
        bench.register(SOMEWHERE, name, version="1")


@pytest.mark.parametrize(
    "path",
    [
        "azureml://datastores/elsewhere/paths/model",
        f"{DATASTORE_PATHS}/../other/model",
        "azureml://subscriptions/1/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths/model",
    ],
)
def test_a_path_outside_the_workspaces_datastores_is_refused(bench: Workbench, path: str) -> None:
    body = {"properties": {"modelUri": path, "modelType": "mlflow_model"}}
    answer = bench.arm("PUT", "models/stray/versions/1", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserError")


def test_an_archived_version_is_listed_no_more_but_still_there(bench: Workbench) -> None:
    bench.register(SOMEWHERE, "archived", version="1")
    bench.register(SOMEWHERE, "archived", version="2")
    bench.ml.models.archive("archived", version="1")
    assert [model.version for model in bench.ml.models.list("archived")] == ["2"]
    assert [model.version for model in bench.ml.models.list("archived", list_view_type="All")] == ["2", "1"]
    assert bench.ml.models.get("archived", version="1").name == "archived"
    bench.ml.models.archive("archived")
    assert "archived" not in [model.name for model in bench.ml.models.list()]


def test_an_unknown_model_is_not_found(bench: Workbench) -> None:
    with pytest.raises(ResourceNotFoundError):
        bench.ml.models.get("unknown", version="1")
    with pytest.raises(ResourceNotFoundError):
        list(bench.ml.models.list("unknown"))


def test_a_long_list_comes_in_pages_newest_first(bench: Workbench) -> None:
    versions = [str(number) for number in range(1, 121)]
    body = {"properties": {"modelUri": SOMEWHERE, "modelType": "mlflow_model"}}
    for version in versions:
        assert bench.arm("PUT", f"models/many/versions/{version}", json=body).status_code == 201
    assert [model.version for model in bench.ml.models.list("many")] == versions[::-1]
    first = bench.arm("GET", "models/many/versions?$top=1&$orderBy=createdtime desc").json()
    assert [version["name"] for version in first["value"]] == ["120"]
    assert isinstance(bench.ml.models.get("many", label="latest"), Model)
