"""Publishing uploads the trainer to a cloud, with a pipeline that runs it."""

import ssl

import httpx
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from localcloud.home import Home
from localcloud.identities import client_id_of

from tests.checkout import CHECKOUT
from touchdown import local
from touchdown.local.deploying import outputs
from touchdown.local.names import FACTORY_ID, STORAGE_ACCOUNT, identity_id


def test_the_published_pipeline_names_the_folder_of_the_published_trainer(
    cloud_home: Home, trusted: None
) -> None:
    local.deploy(cloud_home, CHECKOUT, code=False)
    values = outputs(cloud_home)
    with (
        DefaultAzureCredential() as credential,
        BlobServiceClient(cloud_home.storage_url(STORAGE_ACCOUNT), credential=credential) as blobs,
    ):
        container = blobs.get_container_client(values["CONTAINER"])
        written = {blob.name: blob.last_modified for blob in container.list_blobs(name_starts_with="code/")}
        local.deploy(cloud_home, CHECKOUT, code=False)
        again = {blob.name: blob.last_modified for blob in container.list_blobs(name_starts_with="code/")}
        assert again == written, "publishing the same files again writes nothing"
        token = credential.get_token(f"{cloud_home.resource_manager}/.default").token

    train = httpx.get(
        f"{cloud_home.resource_manager}{FACTORY_ID}/pipelines/train?api-version=2018-06-01",
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=cloud_home.ca_bundle),
        proxy=cloud_home.proxy,
    ).json()
    parameters = train["properties"]["parameters"]
    defaults = {name: each.get("defaultValue") for name, each in parameters.items()}
    assert defaults["accountUrl"] == cloud_home.storage_url(STORAGE_ACCOUNT)
    assert defaults["container"] == values["CONTAINER"]
    assert defaults["clientId"] == client_id_of(identity_id("training"))
    assert str(defaults["codePath"]).startswith("code/")
    published = [name for name in written if name.startswith(f"{defaults['codePath']}/")]
    assert f"{defaults['codePath']}/main.py" in published
    assert not [name for name in published if "README" in name or "test" in name]
