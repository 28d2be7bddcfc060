"""Foreign clients reach a cloud by its names, with the variables that `localcloud env` prints."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest
from azure.ai.ml import _azure_environments as environments
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from localcloud import environment
from localcloud.home import REGION, SUBSCRIPTION, Home
from localcloud.metadata import environment as metadata

from localcloud_tests.integration.names.conftest import connect
from localcloud_tests.resources import STORAGE_ACCOUNT, TOPIC

READ = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
pytestmark = pytest.mark.integration


def shell(home: Home) -> dict[str, str]:
    """The environment of a shell after `eval "$(localcloud env)"`."""
    kept = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    return kept | environment.of_person(home)


@pytest.mark.parametrize("program", ["python", "curl"])
def test_programs_read_the_metadata_by_the_clouds_own_name(cloud_home: Home, program: str) -> None:
    curl = shutil.which("curl")
    if program == "curl" and curl is None:
        pytest.skip("curl is not installed")
    command = [sys.executable, "-c", READ] if program == "python" else [str(curl), "-sSf"]
    done = subprocess.run(
        [*command, cloud_home.metadata_url],
        env=shell(cloud_home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(done.stdout or "null") == [metadata(cloud_home)], done.stderr


@pytest.mark.usefixtures("trusted")
def test_the_names_of_accounts_alone_lead_to_their_blobs(cloud_home: Home) -> None:
    url = f"https://{STORAGE_ACCOUNT}.blob.{metadata(cloud_home)['suffixes']['storage']}"
    with BlobServiceClient(url, DefaultAzureCredential()) as blobs:
        container = blobs.create_container("by-name")
        container.upload_blob("a.txt", b"a")
        assert container.download_blob("a.txt").readall() == b"a"
        assert container.get_blob_client("a.txt").url == f"{url}/by-name/a.txt"


def test_azure_ai_ml_takes_the_cloud_that_the_variables_of_a_shell_name(
    cloud_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.of_person(cloud_home).items():
        monkeypatch.setenv(name, value)
    # It keeps the name of the cloud that it found in the environment.
    monkeypatch.setenv(environments.AZUREML_CLOUD_ENV_NAME, "")
    monkeypatch.delenv(environments.AZUREML_CLOUD_ENV_NAME)
    assert environments._get_default_cloud_name() == "localcloud"
    assert environments._get_base_url_from_metadata() == cloud_home.resource_manager
    scopes = environments._get_cloud_information_from_metadata()["credential_scopes"]
    assert scopes == [f"{cloud_home.resource_manager}/.default"]


@pytest.mark.usefixtures("trusted")
def test_azure_ai_ml_reads_the_clouds_endings(cloud_home: Home) -> None:
    found = environments._get_clouds_by_metadata_url(cloud_home.metadata_url)["localcloud"]
    assert found["resource_manager"] == f"{cloud_home.resource_manager}/"
    assert found["active_directory"] == cloud_home.login_url
    assert found["storage_endpoint"] == f"core.{cloud_home.suffix}"
    assert found["aml_resource_id"] == "https://ml.azure.com"


def test_every_address_of_a_home_has_a_certificate(cloud_home: Home) -> None:
    home = cloud_home
    urls = [
        home.resource_manager,
        home.login_url,
        *(home.storage_url("data1", service) for service in ("blob", "queue", "table")),
        home.key_vault_url("kv-1"),
        home.topic_endpoint("evgt-1", "westeurope"),
        *(f"https://{home.batch_host('batch1', region)}" for region in ("westeurope", REGION)),
        f"https://{home.scoring_host('wine', 'eastus2')}",
    ]
    trust = ssl.create_default_context(cafile=home.ca_bundle)
    for url in urls:
        host = urlsplit(url).hostname
        tunnel = connect(home, f"{host}:443")
        with trust.wrap_socket(tunnel.socket, server_hostname=host) as encrypted:
            assert encrypted.version() == "TLSv1.3", url


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("a.scm.azurewebsites", 501),
        (f"nothing.{REGION}-1.eventgrid", 404),
        (f"nothing.{REGION}.inference.ml", 404),
        ("b.westeurope.batch", 404),
    ],
)
def test_resource_manager_answers_by_its_own_name_only(cloud_home: Home, host: str, status: int) -> None:
    path = f"/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01"
    with httpx.Client(
        verify=ssl.create_default_context(cafile=cloud_home.ca_bundle),
        proxy=cloud_home.proxy,
        trust_env=False,
    ) as client:
        assert client.get(f"{cloud_home.resource_manager}{path}").status_code == 401
        assert client.get(f"https://{host}.{cloud_home.suffix}{path}").status_code == status


def test_a_topic_is_published_to_by_its_name_and_not_by_resource_managers(cloud_home: Home) -> None:
    with httpx.Client(
        verify=ssl.create_default_context(cafile=cloud_home.ca_bundle),
        proxy=cloud_home.proxy,
        trust_env=False,
    ) as client:
        own = cloud_home.topic_endpoint(TOPIC, REGION)
        assert client.post(own, json=[]).status_code == 401
        assert client.post(f"{cloud_home.resource_manager}/api/events", json=[]).status_code == 404


def test_clients_of_several_homes_live_in_one_process(cloud_home: Home, proxied: Home) -> None:
    """Each is given its own proxy, and the other's names are unknown to it."""
    assert connect(proxied, f"management.{cloud_home.suffix}:443").status == 502
    tunnel = connect(cloud_home, f"management.{cloud_home.suffix}:443")
    with tunnel.socket as opened:
        assert tunnel.status == 200
        opened.shutdown(socket.SHUT_RDWR)
