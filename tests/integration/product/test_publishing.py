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
    (activity,) = train["properties"]["activities"]
    given = activity["typeProperties"]
    container, code, named = given["folderPath"].split("/")
    assert (container, code) == (values["CONTAINER"], "code")
    assert given["command"].endswith(f" {named}'")
    assert [name for name in written if named in name] == [f"code/{named}/trainer.zip"]
    # Who may start the pipeline can choose none of this.
    assert not {"accountUrl", "container", "clientId"} & set(train["properties"]["parameters"])
    extended = given["extendedProperties"]
    assert extended["accountUrl"] == cloud_home.storage_url(STORAGE_ACCOUNT)
    assert extended["container"] == values["CONTAINER"]
    assert extended["clientId"] == client_id_of(identity_id("training"))
