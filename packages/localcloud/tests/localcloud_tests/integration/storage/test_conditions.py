"""Conditions of role assignments on real requests: which attributes a request has."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from localcloud_tests.integration.storage.stores import (
    MAIN,
    PLATFORM,
    Store,
    account_id,
    container_id,
    person,
    unique,
)

pytestmark = pytest.mark.integration

CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"
ONLY_DATASETS = (
    f"((!(ActionMatches{{'{BLOBS}/write'}}) AND !(ActionMatches{{'{BLOBS}/add/action'}}))"
    f" OR (@Resource[{BLOBS}:path] StringLike 'datasets/*'))"
)
UPLOADER = [f"{BLOBS}/read", f"{BLOBS}/write", f"{BLOBS}/add/action"]


@pytest.fixture
def container(store: Store) -> str:
    name = unique("c")
    store.blobs(PLATFORM).create_container(name).upload_blob("readonly/x", b"1")
    return name


def limited(store: Store, container: str, role: str, condition: str) -> Any:
    """A client of a container for somebody who holds a role there under a condition."""
    principal = person()
    store.assign(principal, role, container_id(container), condition)
    return store.blobs(principal).get_container_client(container)


def is_refused(call: Any) -> bool:
    try:
        call()
    except HttpResponseError as error:
        if "AuthorizationPermissionMismatch" not in str(error):
            raise
        return True
    return False


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("datasets/a.csv", False),
        ("datasets/ö ü/b.csv", False),
        ("datasets/%2e%2e/c", False),
        ("datasets/", False),
        ("datasets", True),
        ("Datasets/a.csv", True),
        ("runs/datasets/a.csv", True),
        ("code/datasets/../x", True),
        ("/datasets/a.csv", True),
        ("datasets%2Fa.csv", True),
    ],
)
def test_an_uploader_writes_names_that_begin_as_the_condition_says(
    store: Store, container: str, name: str, refused: bool
) -> None:
    asked = limited(store, container, store.define(dataActions=UPLOADER), ONLY_DATASETS)
    for write in (
        lambda: asked.upload_blob(name, b"1", overwrite=True),
        lambda: asked.get_blob_client(name).stage_block("YQ==", b"1"),
        lambda: asked.get_blob_client(name).create_append_blob(),
    ):
        assert is_refused(write) is refused
    assert not is_refused(lambda: list(asked.list_blobs()))
    assert not is_refused(asked.get_blob_client("readonly/x").download_blob)


def test_an_uploader_neither_deletes_nor_touches_the_container(store: Store, container: str) -> None:
    asked = limited(store, container, store.define(dataActions=UPLOADER), ONLY_DATASETS)
    asked.upload_blob("datasets/a.csv", b"1")
    for call in (
        asked.get_blob_client("datasets/a.csv").delete_blob,
        asked.delete_container,
        lambda: asked.set_container_metadata({"a": "b"}),
        lambda: asked.get_blob_client("code").start_copy_from_url(asked.get_blob_client("readonly/x").url),
    ):
        assert is_refused(call)


def test_a_list_is_limited_by_its_prefix(store: Store, container: str) -> None:
    asked = limited(
        store,
        container,
        "Storage Blob Data Reader",
        f"(!(ActionMatches{{'{BLOBS}/read'}} AND SubOperationMatches{{'Blob.List'}}))"
        f" OR (@Request[{BLOBS}:prefix] StringStartsWith 'readonly/')",
    )
    assert [each.name for each in asked.list_blobs(name_starts_with="readonly/")] == ["readonly/x"]
    assert [each.name for each in asked.walk_blobs(name_starts_with="readonly/")] == ["readonly/x"]
    assert is_refused(lambda: list(asked.list_blobs()))
    assert is_refused(lambda: list(asked.list_blobs(name_starts_with="read")))
    assert not is_refused(asked.get_blob_client("readonly/x").download_blob)


def test_a_condition_may_name_account_container_and_queue(store: Store, container: str) -> None:
    principal = person()
    here = (
        f"@Resource[Microsoft.Storage/storageAccounts:name] StringEquals '{MAIN}'"
        f" AND @Resource[{CONTAINERS}:name] StringEquals '{container}'"
    )
    store.assign(principal, "Storage Blob Data Reader", account_id(MAIN), here)
    other = unique("c")
    store.blobs(PLATFORM).create_container(other)
    asked = store.blobs(principal)
    assert not is_refused(lambda: list(asked.get_container_client(container).list_blobs()))
    assert is_refused(lambda: list(asked.get_container_client(other).list_blobs()))
    queue = unique("q")
    for name in (queue, f"{queue}2"):
        store.queues(PLATFORM).create_queue(name)
    named = f"@Resource[{QUEUES}:name] StringEquals '{queue}'"
    store.assign(principal, "Storage Queue Data Reader", account_id(MAIN), named)
    queues = store.queues(principal)
    assert not is_refused(queues.get_queue_client(queue).peek_messages)
    assert is_refused(queues.get_queue_client(f"{queue}2").peek_messages)


def test_a_condition_may_ask_for_a_snapshot(store: Store, container: str) -> None:
    blob = store.blobs(PLATFORM).get_blob_client(container, "readonly/x")
    snapshot = blob.create_snapshot()["snapshot"]
    only = f"Exists @Request[{BLOBS}:snapshot] AND @Resource[{BLOBS}:isCurrentVersion] BoolEquals false"
    asked = limited(store, container, "Storage Blob Data Reader", only)
    assert is_refused(asked.get_blob_client("readonly/x").download_blob)
    assert not is_refused(asked.get_blob_client("readonly/x", snapshot=snapshot).download_blob)


def test_new_blobs_must_have_the_tag_that_a_condition_asks_for(store: Store, container: str) -> None:
    asked = limited(
        store,
        container,
        "Storage Blob Data Owner",
        f"(!(ActionMatches{{'{BLOBS}/write'}} AND SubOperationMatches{{'Blob.Write.WithTagHeaders'}})"
        f" AND !(ActionMatches{{'{BLOBS}/add/action'}} AND"
        " SubOperationMatches{'Blob.Write.WithTagHeaders'}))"
        f" OR (@Request[{BLOBS}/tags:Project<$key_case_sensitive$>] StringEquals 'Cascade')",
    )
    assert is_refused(lambda: asked.upload_blob("a", b"1"))
    assert is_refused(lambda: asked.upload_blob("a", b"1", tags={"Project": "Baker"}))
    assert not is_refused(lambda: asked.upload_blob("a", b"1", tags={"Project": "Cascade"}))


def test_a_condition_on_tags_that_storage_does_not_know_yet_is_never_met(
    store: Store, container: str
) -> None:
    store.blobs(PLATFORM).get_blob_client(container, "readonly/x").set_blob_tags({"Project": "Cascade"})
    own = f"@Resource[{BLOBS}/tags:Project<$key_case_sensitive$>] StringEquals 'Cascade'"
    assert is_refused(limited(store, container, "Storage Blob Data Reader", own).get_container_properties)
    without = f"NOT Exists @Request[{BLOBS}/tags&$keys$&]"
    asked = limited(store, container, "Storage Blob Data Owner", without)
    assert is_refused(lambda: asked.get_blob_client("readonly/x").set_blob_tags({"Project": "Cascade"}))
    assert not is_refused(asked.get_blob_client("readonly/x").download_blob)


def test_a_request_has_a_time(store: Store, container: str) -> None:
    for operator, refused in (("DateTimeGreaterThan", False), ("DateTimeLessThan", True)):
        now = f"@Environment[UtcNow] {operator} '2023-05-01T13:00:00.000Z'"
        asked = limited(store, container, "Storage Blob Data Reader", now)
        assert is_refused(lambda asked=asked: list(asked.list_blobs())) is refused
