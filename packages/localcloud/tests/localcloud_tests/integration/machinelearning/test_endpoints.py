"""Batch endpoints and deployments, through MLClient: rules of Azure ML that an app must respect."""

import pytest
from azure.ai.ml.entities import BatchEndpoint, Model
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from localcloud.home import REGION

from localcloud_tests.integration.machinelearning.conftest import DATASTORE_PATHS, Workbench


@pytest.fixture(scope="module")
def model(bench: Workbench) -> Model:
    """A deployable model, and the cluster for it."""
    bench.compute()
    return bench.model()


def test_an_endpoint_is_made_in_lower_case(bench: Workbench) -> None:
    made = bench.ml.batch_endpoints.begin_create_or_update(
        BatchEndpoint(name="Mixed-Case", description="a test", tags={"a": "b"})
    ).result()
    assert (made.name, made.description, made.tags) == ("mixed-case", "a test", {"a": "b"})
    assert made.scoring_uri == f"https://mixed-case.{REGION}.inference.ml.{bench.home.suffix}/jobs"
    assert "mixed-case" in [endpoint.name for endpoint in bench.ml.batch_endpoints.list()]


def test_a_put_of_an_endpoint_erases_what_it_does_not_carry(bench: Workbench, model: Model) -> None:
    name = bench.endpoint(description="a test", tags={"a": "b"})
    bench.make_default(name, bench.deploy(name, model))
    kept = bench.ml.batch_endpoints.get(name)
    assert (kept.description, kept.tags, bool(kept.defaults)) == ("a test", {"a": "b"}, True)
    bench.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=name))
    bare = bench.settled(lambda: bench.ml.batch_endpoints.get(name))
    assert (bare.description, bare.tags, bare.defaults) == (None, {}, None)


@pytest.mark.parametrize("name", ["ab", "1abc", "abc-", "a_b", "a" * 33])
def test_a_name_that_azure_refuses_is_refused(bench: Workbench, name: str) -> None:
    for path in (f"batchEndpoints/{name}", f"batchEndpoints/ep/deployments/{name}"):
        answer = bench.arm("PUT", path, json={"location": "localcloud", "properties": {}})
        assert (answer.status_code, answer.json()["error"]["target"]) == (400, "name")


def test_an_empty_tag_is_refused(bench: Workbench, model: Model) -> None:
    with pytest.raises(HttpResponseError, match="Tag values must not be null or empty"):
        bench.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="tagged", tags={"a": ""}))
    deployment = bench.deployment(bench.endpoint(), model)
    deployment.tags = {"a": ""}
    with pytest.raises(HttpResponseError, match="Tag values must not be null or empty"):
        bench.ml.batch_deployments.begin_create_or_update(deployment)


def test_a_patch_changes_tags_and_nothing_else(bench: Workbench) -> None:
    name = bench.endpoint(description="a test", tags={"a": "b"})
    assert bench.arm("PATCH", f"batchEndpoints/{name}", json={"tags": {"c": "d"}}).status_code == 200
    patched = bench.ml.batch_endpoints.get(name)
    assert (patched.description, patched.tags) == ("a test", {"c": "d"})


def test_a_default_that_does_not_exist_is_refused(bench: Workbench) -> None:
    name = bench.endpoint()
    with pytest.raises(HttpResponseError, match="default deployment 'nobody' does not exist"):
        bench.make_default(name, "nobody")


def test_the_default_deployment_cannot_be_deleted(bench: Workbench, model: Model) -> None:
    endpoint = bench.endpoint()
    first, second = bench.deploy(endpoint, model), bench.deploy(endpoint, model)
    bench.make_default(endpoint, first)
    with pytest.raises(HttpResponseError, match="is the default"):
        bench.ml.batch_deployments.begin_delete(first, endpoint)
    bench.make_default(endpoint, second)
    bench.ml.batch_deployments.begin_delete(first, endpoint).wait()
    assert [each.name for each in bench.ml.batch_deployments.list(endpoint)] == [second]


def test_a_twenty_first_deployment_is_refused(bench: Workbench, model: Model) -> None:
    endpoint = bench.endpoint()
    for number in range(20):
        bench.ml.batch_deployments.begin_create_or_update(bench.deployment(endpoint, model, f"dep-{number}x"))
    with pytest.raises(HttpResponseError, match="the most it may have"):
        bench.ml.batch_deployments.begin_create_or_update(bench.deployment(endpoint, model, "one-more"))
    assert len(list(bench.ml.batch_deployments.list(endpoint))) == 20


def test_a_second_put_during_an_operation_is_a_conflict(bench: Workbench, model: Model) -> None:
    endpoint = bench.endpoint()
    where = {"name": f"^{endpoint}"}
    with bench.fault(point="machinelearning.deployment", action="delay", seconds=600, where=where):
        wanted = bench.deployment(endpoint, model)
        bench.ml.batch_deployments.begin_create_or_update(wanted)
        with pytest.raises(ResourceExistsError, match="is Creating"):
            bench.ml.batch_deployments.begin_create_or_update(wanted)
        with pytest.raises(ResourceExistsError, match="is Creating"):
            bench.ml.batch_deployments.begin_delete(wanted.name, endpoint)
        with pytest.raises(ResourceExistsError, match="is Creating"):
            bench.ml.batch_endpoints.begin_delete(endpoint)
    with bench.fault(point="machinelearning.endpoint", action="delay", seconds=600, where=where):
        bench.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=endpoint))
        with pytest.raises(ResourceExistsError, match="is Updating"):
            bench.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=endpoint))


def test_a_failed_promotion_leaves_the_old_default(bench: Workbench, model: Model) -> None:
    endpoint = bench.endpoint()
    first, second = bench.deploy(endpoint, model), bench.deploy(endpoint, model)
    bench.make_default(endpoint, first)
    with bench.fault(point="machinelearning.endpoint", action="error", where={"name": endpoint}):
        bench.make_default(endpoint, second)
    after = bench.ml.batch_endpoints.get(endpoint)
    assert (after.provisioning_state, after.defaults.deployment_name) == ("Failed", first)


def test_deleting_an_endpoint_deletes_its_deployments(bench: Workbench, model: Model) -> None:
    endpoint = bench.endpoint()
    deployment = bench.deploy(endpoint, model)
    bench.make_default(endpoint, deployment)
    bench.ml.batch_endpoints.begin_delete(endpoint).wait()
    with pytest.raises(ResourceNotFoundError):
        bench.ml.batch_endpoints.get(endpoint)
    with pytest.raises(ResourceNotFoundError):
        bench.ml.batch_deployments.get(deployment, endpoint)
    assert bench.arm("DELETE", f"batchEndpoints/{endpoint}").status_code == 204


def test_a_deployment_has_azures_defaults(bench: Workbench, model: Model) -> None:
    endpoint = bench.endpoint()
    made = bench.ml.batch_deployments.get(bench.deploy(endpoint, model), endpoint)
    assert (made.mini_batch_size, made.error_threshold, made.output_file_name) == (10, -1, "predictions.csv")
    assert (made.retry_settings.max_retries, made.retry_settings.timeout) == (3, 30)


UNDEPLOYABLE = {
    "no files": (None, "has no files"),
    "not MLflow": ({"MLmodel": None}, "it has no file MLmodel"),
    "an empty MLmodel": ({"MLmodel": ""}, "names no flavors"),
    "not YAML": ({"MLmodel": "flavors: ["}, "is not YAML"),
    "no python_function": ({"MLmodel": "flavors: {sklearn: {}}"}, "has no python_function flavor"),
    "MLflow 3": (
        {"MLmodel": "flavors: {python_function: {python_version: 3.11.2}}\nmlflow_version: 3.1.0"},
        "saved by MLflow 3.1.0",
    ),
    "Python 3.13": (
        {"MLmodel": "flavors: {python_function: {python_version: 3.13.0}}\nmlflow_version: 2.22.0"},
        "saved with Python 3.13.0",
    ),
    "no environment": (
        {"MLmodel": "flavors: {python_function: {python_version: 3.11.2}}\nmlflow_version: 2.22.0"},
        "names no environment",
    ),
    "no conda file": ({"conda.yaml": None}, "lacks conda.yaml"),
    "an empty conda file": ({"conda.yaml": ""}, "it lists no dependencies"),
    "a conda file that is not YAML": ({"conda.yaml": "dependencies: ["}, "it is not YAML"),
    "Python 3.12 in the conda file": ({"conda.yaml": "dependencies: [python=3.12]"}, "asks for python==3.12"),
}


@pytest.mark.parametrize("case", UNDEPLOYABLE)
def test_a_model_that_cannot_be_deployed_fails_its_deployment_saying_why(
    bench: Workbench, model: Model, case: str
) -> None:
    replaced, why = UNDEPLOYABLE[case]
    path = f"{DATASTORE_PATHS}/nothing/here" if replaced is None else bench.upload_model(**replaced)
    endpoint = bench.endpoint()
    wanted = bench.deployment(endpoint, bench.register(path))
    with pytest.raises(HttpResponseError, match=why):
        bench.ml.batch_deployments.begin_create_or_update(wanted).result()
    assert bench.ml.batch_deployments.get(wanted.name, endpoint).provisioning_state == "Failed"


def test_a_deployment_needs_a_model_a_compute_and_an_endpoint_that_exist(
    bench: Workbench, model: Model
) -> None:
    endpoint = bench.endpoint()
    stranger = Model(name="nobody", version="1", path=model.path)
    stranger._id = model.id.replace(model.name, "nobody")
    for wanted in (
        bench.deployment(endpoint, stranger),
        bench.deployment(endpoint, model, compute="nowhere"),
        bench.deployment("no-endpoint", model),
    ):
        with pytest.raises(ResourceNotFoundError):
            bench.ml.batch_deployments.begin_create_or_update(wanted)
    with bench.fault(
        point="machinelearning.compute", action="delay", seconds=600, where={"name": "^unready$"}
    ):
        path = "computes/unready"
        properties = {
            "computeType": "AmlCompute",
            "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}},
        }
        bench.arm("PUT", path, json={"location": "localcloud", "properties": properties})
        with pytest.raises(HttpResponseError, match="is Creating, not Succeeded"):
            bench.ml.batch_deployments.begin_create_or_update(
                bench.deployment(endpoint, model, compute="unready")
            )


def test_a_deployment_with_code_is_not_imitated(bench: Workbench, model: Model) -> None:
    body = {
        "properties": {"codeConfiguration": {"scoringScript": "score.py"}, "model": {"assetId": model.id}}
    }
    answer = bench.arm("PUT", f"batchEndpoints/{bench.endpoint()}/deployments/coded", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
