"""Account keys, and signatures by them or by a person: where an account takes them, and what they hold."""

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import HttpResponseError
from azure.data.tables import AccountSasPermissions as TableAccountPermissions
from azure.data.tables import ResourceTypes as TableResourceTypes
from azure.data.tables import TableSasPermissions, TableServiceClient, generate_table_sas
from azure.data.tables import generate_account_sas as generate_table_account_sas
from azure.storage.blob import (
    AccountSasPermissions,
    BlobSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
)
from azure.storage.queue import QueueSasPermissions, QueueServiceClient, generate_queue_sas
from localcloud.home import TENANT
from localcloud.storage import emulator, policy

from localcloud_tests.integration.storage.stores import (
    API_VERSION,
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


def test_the_account_and_the_key_of_every_emulator_open_nothing(store: Store) -> None:
    for account in ("devstoreaccount1", KEYED, MAIN):
        with pytest.raises(HttpResponseError) as refused:
            list(by_key(store, account, PUBLISHED).list_containers())
        assert refused.value.status_code in (401, 403, 404)
    program = emulator.command(store.home)
    assert not {"--loose", "--inMemoryPersistence"} & set(program)
    assert PUBLISHED not in str([*program, emulator.variables(store.home)])


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


def test_a_signature_that_cannot_be_decoded_is_refused(store: Store, containers: dict[str, str]) -> None:
    url = f"{store.home.storage_url(KEYED)}/{containers[KEYED]}/x?{account_sas(KEYED, KEY)}"
    broken = url.partition("&sig=")[0] + "&sig=%25zz"
    answer = store.request("GET", broken)
    assert (answer.status_code, "AuthenticationFailed" in answer.text) == (403, True)


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

    seed = json.loads(policy.file(store.home).read_text())["delegationSeed"]
    own = hmac.new(seed.encode(), account_id(MAIN).lower().encode(), hashlib.sha256).hexdigest()

    def derived(seed: str) -> str:
        times = (real.signed_start, real.signed_expiry)
        signed = "\n".join(map(str, (real.signed_oid, real.signed_tid, *times, "b", real.signed_version)))
        return base64.b64encode(hmac.new(seed.encode(), signed.encode(), hashlib.sha256).digest()).decode()

    assert real.value == derived(own)
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


def test_a_delegation_key_is_good_for_its_account_only(store: Store) -> None:
    there = unique("c")
    store.blobs(PLATFORM, OTHER).create_container(there).upload_blob("x", b"1")
    maker = person()
    for account in (MAIN, OTHER):
        store.assign(maker, "Storage Blob Data Contributor", account_id(account))
    read = BlobSasPermissions(read=True)
    for account in (OTHER, MAIN):
        key = store.blobs(maker, account).get_user_delegation_key(BEFORE, LATER)
        sas = generate_blob_sas(
            OTHER, there, "x", user_delegation_key=key, permission=read, expiry=LATER, start=BEFORE
        )
        blob = by_sas(store, OTHER, sas).get_blob_client(there, "x")
        if account == OTHER:
            assert blob.download_blob().readall() == b"1"
        else:
            with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
                blob.download_blob()


# A signature of a key is not of a person because the query names one: `skoid` and the other fields of
# a delegation are not part of what a key signs.

SIGNED_FIELDS = {
    "sktid": TENANT,
    "skt": f"{BEFORE:%Y-%m-%dT%H:%M:%SZ}",
    "ske": f"{LATER:%Y-%m-%dT%H:%M:%SZ}",
    "sks": "b",
    "skv": API_VERSION,
}
CLAIMS: dict[str, Callable[[str], dict[str, str]]] = {
    "name": lambda who: {"skoid": who},
    "all fields": lambda who: {"skoid": who, **SIGNED_FIELDS},
    "all fields and a resource": lambda who: {"skoid": who, "sr": "b", **SIGNED_FIELDS},
    "empty fields": lambda who: {"skoid": who, "sr": "b", **dict.fromkeys(SIGNED_FIELDS, "")},
    "name twice": lambda who: {"skoid": f"{who}&skoid={who}"},
    "nobody": lambda _: {"skoid": "", **dict.fromkeys(SIGNED_FIELDS, "")},
}


def claimed(sas: str, how: str, principal: str) -> str:
    return "&".join([sas, *(f"{name}={value}" for name, value in CLAIMS[how](principal).items())])


@pytest.mark.parametrize("how", CLAIMS)
@pytest.mark.parametrize("kind", ["account SAS", "service SAS"])
def test_a_keys_signature_that_claims_to_be_a_persons_opens_nothing(
    store: Store, containers: dict[str, str], how: str, kind: str
) -> None:
    name = containers[MAIN]
    reader = person()
    store.assign(reader, "Storage Blob Data Owner", account_id(MAIN))
    allowed = BlobSasPermissions(read=True)
    sas = {
        "account SAS": account_sas(MAIN, KEY),
        "service SAS": generate_blob_sas(MAIN, name, "x", account_key=KEY, permission=allowed, expiry=LATER),
    }[kind]
    for principal in (reader, PLATFORM):
        url = f"{store.home.storage_url(MAIN)}/{name}"
        answer = store.request("GET", f"{url}/x?{claimed(sas, how, principal)}")
        assert (answer.status_code, answer.content == b"1") == (403, False)
        made = f"{store.home.storage_url(MAIN)}/{unique('c')}?restype=container"
        assert store.request("PUT", f"{made}&{claimed(sas, how, principal)}").status_code == 403


@pytest.mark.parametrize("how", ["name", "all fields"])
@pytest.mark.parametrize("service", ["queue", "table"])
def test_queues_and_tables_know_no_signature_of_a_person(
    store: Store, containers: dict[str, str], how: str, service: Literal["queue", "table"]
) -> None:
    key = AzureNamedKeyCredential(MAIN, KEY)
    sas = {
        "queue": generate_queue_sas(MAIN, "queue", KEY, QueueSasPermissions(read=True), LATER),
        "table": generate_table_sas(key, "table", permission=TableSasPermissions(read=True), expiry=LATER),
    }[service]
    path = {"queue": "queue/messages?peekonly=true&", "table": "table()?"}[service]
    url = f"{store.home.storage_url(MAIN, service)}/{path}{claimed(sas, how, PLATFORM)}"
    answer = store.request("GET", url)
    assert answer.status_code == 403
    assert NO_KEYS in answer.text


def test_nobody_acts_as_the_platform_by_a_signature(store: Store) -> None:
    container = blob_with(store, MAIN)
    read = BlobSasPermissions(read=True)
    with pytest.raises(HttpResponseError, match="AuthenticationFailed"):
        delegated(store, PLATFORM, container, read).get_blob_client(container, "x").download_blob()


def test_a_transaction_by_a_keys_signature_that_claims_to_be_a_persons_does_nothing(store: Store) -> None:
    made = store.tables(PLATFORM).create_table(unique("t"))
    named = AzureNamedKeyCredential(MAIN, KEY)
    allowed = TableAccountPermissions(read=True, write=True, add=True, update=True)
    kinds = TableResourceTypes(service=True, container=True, object=True)
    sas = generate_table_account_sas(named, kinds, allowed, LATER)
    url = store.home.storage_url(MAIN, "table")
    part = [
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        f"POST {url}/{made.table_name} HTTP/1.1",
        "Content-Type: application/json",
        "Accept: application/json;odata=minimalmetadata",
        "",
        '{"PartitionKey":"p","RowKey":"r"}',
        "",
    ]
    changes = ["--changes", *part, "--changes--"]
    body = ["--batch", "Content-Type: multipart/mixed; boundary=changes", "", *changes, "--batch--", ""]
    for query in (sas, f"{sas}&skoid={person()}", claimed(sas, "all fields", PLATFORM)):
        answer = store.request(
            "POST",
            f"{url}/$batch?{query}",
            content="\r\n".join(body),
            headers={"Content-Type": "multipart/mixed; boundary=batch", "Accept": "application/json"},
        )
        assert answer.status_code == 403
    assert list(made.list_entities()) == []


def test_the_seed_of_delegation_keys_is_random_and_outlives_a_change_of_roles(store: Store) -> None:
    before = json.loads(policy.file(store.home).read_text())["delegationSeed"]
    store.publish()
    assert json.loads(policy.file(store.home).read_text())["delegationSeed"] == before
    assert len(before) == 64
    assert policy.file(store.home).stat().st_mode & 0o777 == 0o600
