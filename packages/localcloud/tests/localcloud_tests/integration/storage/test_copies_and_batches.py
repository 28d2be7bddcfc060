"""A copy needs read on its source; a batch is decided part by part."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableTransactionError
from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from localcloud_tests.integration.storage.stores import (
    KEY,
    KEYED,
    MAIN,
    OTHER,
    PLATFORM,
    Store,
    account_id,
    container_id,
    person,
    unique,
)

pytestmark = pytest.mark.integration

LATER = datetime.now(UTC) + timedelta(hours=1)
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ENTITIES = "Microsoft.Storage/storageAccounts/tableServices/tables/entities"


def container(store: Store, account: str = MAIN) -> str:
    """A container with the blob `x`."""
    name = unique("c")
    store.blobs(PLATFORM, account).create_container(name).upload_blob("x", b"abc")
    return name


def url(store: Store, account: str, name: str) -> str:
    return str(store.blobs(PLATFORM, account).get_blob_client(name, "x").url)


def writer(store: Store, name: str) -> str:
    """Somebody who may write into a container, and read there."""
    principal = person()
    store.assign(principal, "Storage Blob Data Contributor", container_id(name))
    return principal


def bearer(store: Store, principal: str) -> str:
    return f"Bearer {store.token(principal)}"


@pytest.mark.parametrize("sync", [False, True])
def test_a_copy_between_accounts_needs_a_credential_for_its_source(store: Store, sync: bool) -> None:
    here, there = container(store), container(store, OTHER)
    principal = writer(store, here)
    copy = store.blobs(principal).get_blob_client(here, "copy")
    with pytest.raises(HttpResponseError, match="CannotVerifyCopySource"):
        copy.start_copy_from_url(url(store, OTHER, there), requires_sync=sync)
    assert not copy.exists()


def test_a_source_may_be_read_by_a_token_of_its_own(store: Store) -> None:
    here, there = container(store), container(store, OTHER)
    principal, reader = writer(store, here), person()
    copy = store.blobs(principal).get_blob_client(here, "copy")
    source = url(store, OTHER, there)
    how: dict[str, Any] = {"requires_sync": True, "source_authorization": bearer(store, reader)}
    with pytest.raises(HttpResponseError, match="CannotVerifyCopySource"):
        copy.start_copy_from_url(source, **how)
    store.assign(reader, "Storage Blob Data Reader", container_id(there, OTHER))
    copy.start_copy_from_url(source, **how)
    assert copy.download_blob().readall() == b"abc"


def test_a_forged_token_reads_no_source(store: Store) -> None:
    here, there = container(store), container(store, OTHER)
    copy = store.blobs(writer(store, here)).get_blob_client(here, "copy")
    forged = f"{bearer(store, PLATFORM)[:-8]}AAAAAAAA"
    with pytest.raises(HttpResponseError, match="CannotVerifyCopySource"):
        copy.start_copy_from_url(url(store, OTHER, there), requires_sync=True, source_authorization=forged)


def signed(store: Store, account: str, name: str) -> str:
    allowed = BlobSasPermissions(read=True)
    sas = generate_blob_sas(account, name, "x", account_key=KEY, permission=allowed, expiry=LATER)
    return f"{url(store, account, name)}?{sas}"


@pytest.mark.parametrize("sync", [False, True])
def test_a_source_may_be_read_by_its_sas_where_its_account_takes_keys(store: Store, sync: bool) -> None:
    here, keyed, unkeyed = container(store), container(store, KEYED), container(store, OTHER)
    copy = store.blobs(writer(store, here)).get_blob_client(here, "copy")
    copy.start_copy_from_url(signed(store, KEYED, keyed), requires_sync=sync)
    assert copy.download_blob().readall() == b"abc"
    with pytest.raises(HttpResponseError, match="CannotVerifyCopySource"):
        copy.start_copy_from_url(signed(store, OTHER, unkeyed), requires_sync=sync)
    with pytest.raises(HttpResponseError, match="CannotVerifyCopySource"):
        copy.start_copy_from_url(signed(store, KEYED, keyed).replace("sig=", "sig=A"), requires_sync=sync)


def test_a_source_elsewhere_is_not_read(store: Store) -> None:
    here = container(store)
    copy = store.blobs(writer(store, here)).get_blob_client(here, "copy")
    for source in ("https://example.com/a/b", f"https://{MAIN}.blob.core.windows.net/{here}/x"):
        with pytest.raises(HttpResponseError) as refused:
            copy.start_copy_from_url(source)
        assert refused.value.status_code == 404
        assert "CannotVerifyCopySource" in str(refused.value)


@pytest.mark.parametrize("path", ["a/%ff", "%ff/x", "%", "a/b?comp=%ff"])
def test_a_source_whose_url_cannot_be_read_is_an_invalid_header(store: Store, path: str) -> None:
    here = container(store)
    token = store.token(writer(store, here))
    source = {"x-ms-copy-source": f"{store.home.storage_url(MAIN)}/{path}"}
    for more in ({}, {"x-ms-requires-sync": "true"}):
        answer = store.request("PUT", f"{url(store, MAIN, here)}y", token, headers=source | more)
        wanted = (404, 403) if "?" in path else (400,)
        assert answer.status_code in wanted
        assert ("CannotVerifyCopySource" if "?" in path else "InvalidHeaderValue") in answer.text


@pytest.mark.parametrize("service", ["blob", "queue", "table"])
def test_a_path_that_cannot_be_read_is_an_invalid_uri(
    store: Store, service: Literal["blob", "queue", "table"]
) -> None:
    for path in ("a/%ff", "%ff"):
        answer = store.request(
            "GET", f"{store.home.storage_url(MAIN, service)}/{path}", store.token(PLATFORM)
        )
        assert answer.status_code == 400
        assert "InvalidUri" in answer.text


def test_a_block_from_a_url_is_not_imitated_and_reads_no_source(store: Store) -> None:
    here = container(store)
    for principal, status, code in (
        (writer(store, here), 501, "APINotImplemented"),
        (person(), 403, "AuthorizationPermissionMismatch"),
    ):
        blob = store.blobs(principal).get_blob_client(here, "copy")
        with pytest.raises(HttpResponseError, match=code) as refused:
            blob.stage_block_from_url("YQ==", url(store, MAIN, here))
        assert refused.value.status_code == status
    with pytest.raises(HttpResponseError, match="BlobNotFound"):
        store.blobs(PLATFORM).get_blob_client(here, "copy").get_block_list("uncommitted")


# --- Batches ---------------------------------------------------------------------------------------------


def test_each_part_of_a_blob_batch_is_decided_for_itself(store: Store) -> None:
    name = container(store)
    made = store.blobs(PLATFORM).get_container_client(name)
    for blob in ("mine/a", "mine/b", "theirs/c"):
        made.upload_blob(blob, b"1")
    principal = person()
    condition = f"@Resource[{BLOBS}:path] StringStartsWith 'mine/'"
    store.assign(principal, "Storage Blob Data Contributor", container_id(name), condition)
    asked = store.blobs(principal).get_container_client(name)
    answers = [
        each.status_code
        for each in asked.delete_blobs("mine/a", "theirs/c", "mine/b", raise_on_any_failure=False)
    ]
    assert answers == [202, 403, 202]
    assert {each.name for each in made.list_blobs()} == {"x", "theirs/c"}


def test_a_batch_of_nobody_does_nothing(store: Store) -> None:
    name = container(store)
    asked = store.blobs(person()).get_container_client(name)
    answers = [each.status_code for each in asked.delete_blobs("x", raise_on_any_failure=False)]
    assert answers == [403]


def entity(row: str, value: int = 1) -> dict[str, Any]:
    return {"PartitionKey": "p", "RowKey": row, "value": value}


def adder(store: Store, *rights: str) -> str:
    principal = person()
    role = store.define(dataActions=[f"{ENTITIES}/{each}" for each in (*rights, "read")])
    store.assign(principal, role, account_id(MAIN))
    return principal


def test_a_transaction_is_done_for_whoever_may_do_each_of_its_parts(store: Store) -> None:
    table = store.tables(PLATFORM).create_table(unique("t")).table_name
    asked = store.tables(adder(store, "add/action", "update/action", "delete")).get_table_client(table)
    asked.submit_transaction([("create", entity("a")), ("create", entity("b"))])
    asked.submit_transaction([("upsert", entity("a", 2)), ("update", entity("b", 3))])
    assert {each["RowKey"]: each["value"] for each in asked.list_entities()} == {"a": 2, "b": 3}
    asked.submit_transaction([("delete", entity("a")), ("delete", entity("b"))])
    assert list(asked.list_entities()) == []


@pytest.mark.parametrize(
    ("rights", "refused"),
    [
        (["add/action"], ("upsert", entity("c"))),
        (["add/action"], ("delete", entity("there"))),
        (["add/action"], ("update", entity("there", 2))),
        (["update/action", "add/action"], ("delete", entity("there"))),
    ],
)
def test_a_transaction_with_one_part_that_is_refused_does_nothing(
    store: Store, rights: list[str], refused: tuple[str, dict[str, Any]]
) -> None:
    made = store.tables(PLATFORM).create_table(unique("t"))
    made.create_entity(entity("there"))
    asked = store.tables(adder(store, *rights)).get_table_client(made.table_name)
    with pytest.raises(TableTransactionError) as failed:
        asked.submit_transaction([("create", entity("a")), refused])
    assert failed.value.status_code == 403
    assert "AuthorizationPermissionMismatch" in str(failed.value)
    assert {each["RowKey"]: each["value"] for each in made.list_entities()} == {"there": 1}


def test_a_transaction_on_a_table_of_others_is_refused(store: Store) -> None:
    mine, theirs = (store.tables(PLATFORM).create_table(unique("t")).table_name for _ in range(2))
    principal = person()
    scope = f"{account_id(MAIN)}/tableServices/default/tables/{mine}"
    store.assign(principal, "Storage Table Data Contributor", scope)
    store.tables(principal).get_table_client(mine).submit_transaction([("create", entity("a"))])
    with pytest.raises(TableTransactionError, match="AuthorizationPermissionMismatch"):
        store.tables(principal).get_table_client(theirs).submit_transaction([("create", entity("a"))])
