"""Linked services and credentials: accepted definitions, what they refer to, and their secrets."""

from typing import Any

import pytest
from localcloud.datafactory.errors import BadRequestError
from localcloud.datafactory.linked_services import Reference, check, check_credential, without_secrets
from localcloud.wire import AzureError

STORAGE = {"referenceName": "storage", "type": "LinkedServiceReference"}
VAULT = {"referenceName": "vault", "type": "LinkedServiceReference"}
CREDENTIAL = {"referenceName": "training", "type": "CredentialReference"}
SECRET = {"type": "AzureKeyVaultSecret", "store": VAULT, "secretName": "key"}


def storage(**given: Any) -> dict[str, Any]:
    return {"type": "AzureBlobStorage", "typeProperties": given}


def batch(**given: Any) -> dict[str, Any]:
    whole = {
        "accountName": "batches",
        "batchUri": "https://batches.localcloud.batch.azure.com",
        "poolName": "workers",
        "linkedServiceName": STORAGE,
    }
    return {"type": "AzureBatch", "typeProperties": whole | given}


def vault(**given: Any) -> dict[str, Any]:
    return {"type": "AzureKeyVault", "typeProperties": given}


@pytest.mark.parametrize(
    "properties",
    [
        storage(),
        storage(serviceEndpoint="https://x", connectionString="y"),
        storage(connectionString="y", credential=CREDENTIAL),
        storage(connectionString="y", accountKey={"type": "Text", "value": "k"}),
        storage(connectionString="y", accountKey=SECRET | {"secretName": ""}),
        storage(connectionString="y", accountKey=SECRET | {"store": "vault"}),
        storage(serviceEndpoint="https://x", credential=STORAGE),
        batch(poolName=""),
        batch(linkedServiceName="storage"),
        batch(credential=CREDENTIAL, accessKey=SECRET),
        {"type": "AzureBatch"},
        vault(),
        vault(baseUrl="http://vault"),
    ],
)
def test_an_incomplete_definition_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        check("x", properties)


@pytest.mark.parametrize(
    ("properties", "referred"),
    [
        (storage(serviceEndpoint="https://x", credential=CREDENTIAL), ["training"]),
        (storage(connectionString="AccountName=a", accountKey=SECRET), ["vault"]),
        (storage(connectionString="AccountName=a;AccountKey=k"), []),
        (batch(credential=CREDENTIAL), ["training", "storage"]),
        (batch(accessKey=SECRET), ["storage", "vault"]),
        (batch(accessKey={"type": "SecureString", "value": "k"}), ["storage"]),
        (vault(baseUrl="https://vault", credential=CREDENTIAL), ["training"]),
    ],
)
def test_a_definition_refers_to_its_credential_its_storage_and_its_vault(
    properties: dict[str, Any], referred: list[str]
) -> None:
    found = check("x", properties)
    assert [each.name for each in found] == referred
    assert all((each.type == "CredentialReference") == (each.name == "training") for each in found)
    assert Reference("LinkedServiceReference", "x") not in found


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"type": "AzureFileStorage", "typeProperties": {}}, "AzureFileStorage"),
        (storage(serviceEndpoint="https://x") | {"parameters": {"a": {}}}, "parameters"),
        (storage(serviceEndpoint="https://x") | {"connectVia": {"referenceName": "ir"}}, "connectVia"),
    ],
)
def test_definitions_that_are_not_imitated_are_refused_by_name(
    properties: dict[str, Any], named: str
) -> None:
    with pytest.raises(AzureError) as error:
        check("x", properties)
    assert error.value.status == 501
    assert named in error.value.message


def test_a_definition_is_read_without_its_secrets() -> None:
    properties = storage(
        connectionString="AccountName=a;AccountKey=c2VjcmV0;BlobEndpoint=https://x",
        sasToken={"type": "SecureString", "value": "sv=secret"},
    )
    text = str(without_secrets(properties))
    assert "c2VjcmV0" not in text
    assert "secret" not in text
    assert "BlobEndpoint=https://x" in text


def test_a_credential_names_a_managed_identity() -> None:
    identity = {"type": "ManagedIdentity", "typeProperties": {"resourceId": "/identity"}}
    assert check_credential("x", identity) == "/identity"
    with pytest.raises(BadRequestError):
        check_credential("x", {"type": "ManagedIdentity", "typeProperties": {}})
    with pytest.raises(AzureError) as error:
        check_credential("x", {"type": "ServicePrincipal"})
    assert error.value.status == 501
