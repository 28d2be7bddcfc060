"""Account keys, and signatures by them or by a person: where an account takes them, and what they hold."""

import base64
import copy
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableSasPermissions, TableServiceClient, generate_table_sas
from azure.storage.blob import (
    AccountSasPermissions,
    BlobSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
)
from azure.storage.queue import QueueSasPermissions, QueueServiceClient, generate_queue_sas
from localcloud.storage import policy

from localcloud_tests.integration.storage.stores import (
    KEY,
    KEYED,
    MAIN,
    PLATFORM,
    Store,
    account_id,
    container_id,
    person,
    unique,
)

pytestmark = pytest.mark.integration

SECOND_KEY = "c2Vjb25k"
LATER = datetime.now(UTC) + timedelta(hours=1)
BEFORE = datetime.now(UTC) - timedelta(minutes=5)
NO_KEYS = "KeyBasedAuthenticationNotPermitted"


def by_key(store: Store, account: str, key: str) -> BlobServiceClient:
    named = {"account_name": account, "account_key": key}
    return BlobServiceClient(store.home.storage_url(account), named, **store.sending)


def account_sas(account: str, key: str) -> str:
    kinds = ResourceTypes(service=True, container=True, object=True)
    allowed = AccountSasPermissions(read=True, write=True, list=True, create=True)
    return str(generate_account_sas(account, key, kinds, allowed, LATER))


def by_sas(store: Store, account: str, sas: str) -> BlobServiceClient:
    return BlobServiceClient(store.home.storage_url(account), AzureSasCredential(sas), **store.sending)


def blob_with(store: Store, account: str) -> str:
    """A container with a blob `x`."""
    name = unique("c")
    store.blobs(PLATFORM, account).create_container(name).upload_blob("x", b"1")
    return name


def uses(store: Store, account: str, container: str) -> dict[str, Any]:
    """What keys of an account are used for, by name."""
    service_sas = generate_blob_sas(
        account, container, "x", account_key=KEY, permission=BlobSasPermissions(read=True), expiry=LATER
    )
    queue_sas = generate_queue_sas(account, "queue", KEY, QueueSasPermissions(read=True), LATER)
    named_key = AzureNamedKeyCredential(account, KEY)
    table_sas = generate_table_sas(
        named_key, "table", permission=TableSasPermissions(read=True), expiry=LATER
    )
    how = store.sending
    queues, tables = store.home.storage_url(account, "queue"), store.home.storage_url(account, "table")
    key = {"account_name": account, "account_key": KEY}
    return {
        "key": lambda: list(by_key(store, account, KEY).list_containers()),
        "account SAS": lambda: list(by_sas(store, account, account_sas(account, KEY)).list_containers()),
        "service SAS": lambda: (
            by_sas(store, account, service_sas).get_blob_client(container, "x").download_blob().readall()
        ),
        "queue key": lambda: list(QueueServiceClient(queues, key, **how).list_queues()),
        "queue SAS": lambda: (
            QueueServiceClient(queues, AzureSasCredential(queue_sas), **how)
            .get_queue_client("queue")
            .peek_messages()
        ),
        "table key": lambda: list(TableServiceClient(tables, credential=named_key, **how).list_tables()),
        "table SAS": lambda: list(
            TableServiceClient(tables, credential=AzureSasCredential(table_sas), **how)
            .get_table_client("table")
            .list_entities()
        ),
    }


PUBLISHED = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of every storage emulator, which opens nothing here."""
USES = ["key", "account SAS", "service SAS", "queue key", "queue SAS", "table key", "table SAS"]


@pytest.fixture(scope="module")
def containers(store: Store) -> dict[str, str]:
    for account in (MAIN, KEYED):
        store.queues(PLATFORM, account).create_queue("queue")
        store.tables(PLATFORM, account).create_table("table")
    return {account: blob_with(store, account) for account in (MAIN, KEYED)}


@pytest.mark.parametrize("use", USES)
def test_an_account_that_takes_keys_takes_them_and_what_they_sign(
    store: Store, containers: dict[str, str], use: str
) -> None:
    assert uses(store, KEYED, containers[KEYED])[use]() is not None


@pytest.mark.parametrize("use", USES)
def test_an_account_that_takes_no_keys_refuses_them_and_what_they_sign(
    store: Store, containers: dict[str, str], use: str
) -> None:
    with pytest.raises(HttpResponseError) as refused:
        uses(store, MAIN, containers[MAIN])[use]()
    assert refused.value.status_code == 403
    assert NO_KEYS in str(refused.value)


def test_each_account_has_two_keys_of_its_own(store: Store) -> None:
    for key in (KEY, SECOND_KEY):
        assert list(by_key(store, KEYED, key).list_containers()) is not None
    for key in (PUBLISHED, "YW5vdGhlcg=="):
        with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
            list(by_key(store, KEYED, key).list_containers())
        with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
            list(by_sas(store, KEYED, account_sas(KEYED, key)).list_containers())


def test_a_key_that_was_replaced_signs_nothing_more(store: Store) -> None:
    name = unique("a")
    store.accounts.append(policy.Account(account_id(name), ("b2xk",)))
    store.publish()
    assert list(by_key(store, name, "b2xk").list_containers()) == []
    store.accounts[-1] = policy.Account(account_id(name), ("bmV3",))
    store.publish()
    with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
        list(by_key(store, name, "b2xk").list_containers())
    assert list(by_key(store, name, "bmV3").list_containers()) == []
    store.accounts.pop()


def test_a_sas_that_has_ended_or_not_begun_is_refused(store: Store, containers: dict[str, str]) -> None:
    for start, expiry in ((BEFORE - timedelta(hours=1), BEFORE), (LATER, LATER + timedelta(hours=1))):
        sas = generate_blob_sas(
            KEYED,
            containers[KEYED],
            "x",
            account_key=KEY,
            permission=BlobSasPermissions(read=True),
            start=start,
            expiry=expiry,
        )
        with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
            by_sas(store, KEYED, sas).get_blob_client(containers[KEYED], "x").download_blob()


# --- Signatures by a person ------------------------------------------------------------------------------


def delegated(store: Store, maker: str, container: str, allowed: BlobSasPermissions) -> BlobServiceClient:
    """A client with a SAS of `maker` for the blob `x`."""
    key = store.blobs(maker).get_user_delegation_key(BEFORE, LATER)
    sas = generate_blob_sas(
        MAIN, container, "x", user_delegation_key=key, permission=allowed, expiry=LATER, start=BEFORE
    )
    return by_sas(store, MAIN, sas)


def test_a_delegated_sas_holds_what_its_maker_may_and_no_more(store: Store) -> None:
    container = blob_with(store, MAIN)
    maker = person()
    store.assign(maker, "Storage Blob Data Reader", account_id(MAIN))
    both = BlobSasPermissions(read=True, write=True)
    blob = delegated(store, maker, container, both).get_blob_client(container, "x")
    assert blob.download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        blob.upload_blob(b"2", overwrite=True)
    store.assign(maker, "Storage Blob Data Contributor", container_id(container))
    blob.upload_blob(b"2", overwrite=True)
    store.assignments.clear()
    store.publish()
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        blob.download_blob()


def test_a_delegated_sas_holds_no_more_than_it_says(store: Store) -> None:
    container = blob_with(store, MAIN)
    maker = person()
    store.assign(maker, "Storage Blob Data Contributor", account_id(MAIN))
    service = delegated(store, maker, container, BlobSasPermissions(read=True))
    assert service.get_blob_client(container, "x").download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        service.get_blob_client(container, "x").upload_blob(b"2", overwrite=True)
    with pytest.raises(HttpResponseError) as other:
        service.get_blob_client(container, "y").upload_blob(b"2")
    assert other.value.status_code == 403


def test_nobody_can_make_a_delegation_key_from_what_azurite_publishes(store: Store) -> None:
    container = blob_with(store, MAIN)
    maker = person()
    store.assign(maker, "Storage Blob Data Contributor", account_id(MAIN))
    real = store.blobs(maker).get_user_delegation_key(BEFORE, LATER)

    def derived(seed: str) -> str:
        times = (real.signed_start, real.signed_expiry)
        signed = "\n".join(map(str, (real.signed_oid, real.signed_tid, *times, "b", real.signed_version)))
        return base64.b64encode(hmac.new(seed.encode(), signed.encode(), hashlib.sha256).digest()).decode()

    assert real.value == derived(json.loads(policy.file(store.home).read_text())["delegationSeed"])
    forged = copy.copy(real)
    forged.value = derived("azurite-user-delegation-signing-seed-v1")
    sas = generate_blob_sas(
        MAIN,
        container,
        "x",
        user_delegation_key=forged,
        permission=BlobSasPermissions(read=True),
        expiry=LATER,
    )
    with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
        by_sas(store, MAIN, sas).get_blob_client(container, "x").download_blob()


def test_the_seed_of_delegation_keys_is_random_and_outlives_a_change_of_roles(store: Store) -> None:
    before = json.loads(policy.file(store.home).read_text())["delegationSeed"]
    store.publish()
    assert json.loads(policy.file(store.home).read_text())["delegationSeed"] == before
    assert len(before) == 64
    assert policy.file(store.home).stat().st_mode & 0o777 == 0o600
