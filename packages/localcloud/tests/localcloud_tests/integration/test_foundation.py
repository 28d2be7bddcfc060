"""The conventions of all services of localcloud, tested over the network."""

import ssl

import httpx
import pytest
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from localcloud.home import SUBSCRIPTION, Home

from localcloud_tests.resources import blob_url

pytestmark = pytest.mark.integration


def test_the_sdks_reach_storage_by_managed_identity(cloud_home: Home, trusted: None) -> None:
    with (
        DefaultAzureCredential() as credential,
        BlobServiceClient(blob_url(cloud_home), credential=credential) as client,
    ):
        container = client.create_container("foundation")
        container.upload_blob("a/b.txt", b"here")
        assert container.download_blob("a/b.txt").readall() == b"here"


def token_for(audience: str) -> str:
    with DefaultAzureCredential() as credential:
        return credential.get_token(f"{audience}/.default").token


def arm(home: Home, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(
        home.resource_manager + path,
        headers=headers,
        verify=ssl.create_default_context(cafile=home.ca_bundle),
        proxy=home.proxy,
    )


def test_resource_manager_refuses_a_request_without_a_token(cloud_home: Home) -> None:
    answer = arm(cloud_home, f"/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")


def test_resource_manager_refuses_a_token_for_another_audience(cloud_home: Home, trusted: None) -> None:
    token = token_for("https://storage.azure.com")
    answer = arm(
        cloud_home,
        f"/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01",
        {"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_an_identity_without_its_secret_gets_no_token(cloud_home: Home) -> None:
    answer = httpx.get(
        cloud_home.identity_endpoint,
        params={"resource": "https://storage.azure.com", "api-version": "2019-08-01"},
        headers={"X-IDENTITY-HEADER": "guess"},
    )
    assert answer.status_code == 401


def test_unknown_paths_and_missing_api_versions_are_answered_in_azures_error_shape(
    cloud_home: Home, trusted: None
) -> None:
    token = token_for(cloud_home.resource_manager)
    headers = {"Authorization": f"Bearer {token}"}
    unknown = arm(cloud_home, "/nothing/here?api-version=2022-12-01", headers)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "ResourceNotFound")
    versionless = arm(cloud_home, f"/subscriptions/{SUBSCRIPTION}", headers)
    assert (versionless.status_code, versionless.json()["error"]["code"]) == (
        400,
        "MissingApiVersionParameter",
    )
    other_case = arm(
        cloud_home, f"/Subscriptions/{SUBSCRIPTION}/resourcegroups/LAB?api-version=2022-12-01", headers
    )
    assert other_case.status_code == 200


def test_controls_demand_the_control_key(cloud_home: Home) -> None:
    assert httpx.get(f"{cloud_home.control_url}/faults").status_code == 401
