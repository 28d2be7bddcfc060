"""Linked services: accepted definitions, their secrets, and the storage and pool that they may name."""

from pathlib import Path
from typing import Any

import pytest
from localcloud.datafactory.errors import ActivityFailedError, BadRequestError
from localcloud.datafactory.linked_services import check, check_batch, check_storage, without_secrets
from localcloud.home import Home, Ports
from localcloud.wire import AzureError


def storage(**given: Any) -> dict[str, Any]:
    return {"type": "AzureBlobStorage", "typeProperties": given}


def batch(**given: Any) -> dict[str, Any]:
    whole = {
        "accountName": "batches",
        "batchUri": "https://batches.localcloud.batch.azure.com",
        "poolName": "workers",
        "linkedServiceName": {"referenceName": "storage", "type": "LinkedServiceReference"},
    }
    return {"type": "AzureBatch", "typeProperties": whole | given}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path, Ports())


@pytest.mark.parametrize(
    "properties",
    [
        storage(),
        storage(serviceEndpoint="https://x", connectionString="y"),
        batch(poolName=""),
        batch(linkedServiceName="storage"),
        {"type": "AzureBatch"},
    ],
)
def test_an_incomplete_definition_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        check("x", properties)


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"type": "AzureKeyVault", "typeProperties": {}}, "AzureKeyVault"),
        (storage(serviceEndpoint="https://x", credential={"referenceName": "c"}), "credential"),
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


@pytest.mark.parametrize(
    "given",
    [
        {"serviceEndpoint": "https://127.0.0.1:10000/devstoreaccount1"},
        {"serviceEndpoint": "https://127.0.0.1:10000/devstoreaccount1/"},
        {"connectionString": "AccountName=devstoreaccount1;AccountKey=k=="},
        {"connectionString": {"type": "SecureString", "value": "BlobEndpoint=https://127.0.0.1:10000/devstoreaccount1;"}},
        {"sasUri": "https://127.0.0.1:10000/devstoreaccount1?sv=x"},
    ],
)  # fmt: skip
def test_every_form_of_address_of_this_clouds_storage_is_accepted(home: Home, given: dict[str, Any]) -> None:
    check_storage(home, "x", storage(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"serviceEndpoint": "https://127.0.0.1:10000/devstoreaccount1.evil.example"},
        {"serviceEndpoint": "https://x.blob.core.windows.net/"},
        {"connectionString": "AccountName=other;AccountKey=k=="},
        {"connectionString": "garbage"},
    ],
)
def test_other_storage_is_refused_with_2502(home: Home, given: dict[str, Any]) -> None:
    with pytest.raises(ActivityFailedError) as error:
        check_storage(home, "x", storage(**given))
    assert error.value.code == "2502"


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        (batch(poolName="other"), "2501"),
        (batch(accountName="other"), "2501"),
        (batch(batchUri="batches.batch.azure.com"), "2509"),
        (storage(serviceEndpoint="https://x"), "2110"),
    ],
)
def test_another_pool_is_refused_with_the_services_code(properties: dict[str, Any], code: str) -> None:
    with pytest.raises(ActivityFailedError) as error:
        check_batch("x", properties, "batches", "workers")
    assert error.value.code == code


def test_this_clouds_pool_is_accepted() -> None:
    assert check_batch("x", batch(), "batches", "workers") == "storage"
