"""Each operation of storage with the right that it needs, and with all rights but that one.

Source: "Authorize with Microsoft Entra ID", sections "Permissions for Blob/Queue/Table service operations".
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.data.tables import UpdateMode

from localcloud_tests.integration.storage.stores import MAIN, PLATFORM, Store, account_id, person, unique

pytestmark = [
    pytest.mark.integration,
    # The SDK of tables reads an error in XML in a way that Python advises against.
    pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning"),
]

CONTAINERS = "blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
QUEUES = "queueServices/queues"
MESSAGES = f"{QUEUES}/messages"
TABLES = "tableServices/tables"
ENTITIES = f"{TABLES}/entities"
NOW = datetime.now(UTC)


@dataclass
class Place:
    """A container, a queue and a table, each with something in it from its first use, and who uses them."""

    store: Store
    principal: str

    @property
    def blobs(self) -> Any:
        return self.store.blobs(self.principal)

    @cached_property
    def in_container(self) -> Any:
        made = self.store.blobs(PLATFORM).create_container(unique("c"))
        made.upload_blob("there", b"abc")
        made.get_blob_client("appended").create_append_blob()
        return self.blobs.get_container_client(made.container_name)

    def blob(self, name: str = "there") -> Any:
        return self.in_container.get_blob_client(name)

    def source(self) -> str:
        return str(self.blob().url)

    @property
    def queues(self) -> Any:
        return self.store.queues(self.principal)

    @cached_property
    def in_queue(self) -> Any:
        made = self.store.queues(PLATFORM).create_queue(unique("q"))
        made.send_message("one")
        return self.queues.get_queue_client(made.queue_name)

    def message(self) -> Any:
        """A message that the platform has received."""
        queue = self.store.queues(PLATFORM).get_queue_client(self.in_queue.queue_name)
        return queue.receive_message(visibility_timeout=1) or queue.send_message("another")

    @property
    def tables(self) -> Any:
        return self.store.tables(self.principal)

    @cached_property
    def in_table(self) -> Any:
        made = self.store.tables(PLATFORM).create_table(unique("t"))
        made.create_entity(entity())
        return self.tables.get_table_client(made.table_name)


def entity(row: str = "there") -> dict[str, str]:
    return {"PartitionKey": "p", "RowKey": row, "value": "1"}


OPERATIONS: dict[str, tuple[list[str], Callable[[Place], Any]]] = {
    # Blob service
    "List Containers": ([f"{CONTAINERS}/read"], lambda at: list(at.blobs.list_containers())),
    "Get Blob Service Properties": (["blobServices/read"], lambda at: at.blobs.get_service_properties()),
    "Set Blob Service Properties": (
        ["blobServices/write"],
        lambda at: at.blobs.set_service_properties(target_version="2020-06-12"),
    ),
    "Get Account Information": (
        ["blobServices/getInfo/action"],
        lambda at: at.blobs.get_account_information(),
    ),
    "Get User Delegation Key": (
        ["blobServices/generateUserDelegationKey/action"],
        lambda at: at.blobs.get_user_delegation_key(NOW, NOW + timedelta(hours=1)),
    ),
    # Containers
    "Create Container": ([f"{CONTAINERS}/write"], lambda at: at.blobs.create_container(unique("new"))),
    "Get Container Properties": (
        [f"{CONTAINERS}/read"],
        lambda at: at.in_container.get_container_properties(),
    ),
    "Set Container Metadata": (
        [f"{CONTAINERS}/write"],
        lambda at: at.in_container.set_container_metadata({"a": "b"}),
    ),
    "Get Container ACL": (
        [f"{CONTAINERS}/getAcl/action"],
        lambda at: at.in_container.get_container_access_policy(),
    ),
    "Set Container ACL": (
        [f"{CONTAINERS}/setAcl/action"],
        lambda at: at.in_container.set_container_access_policy({}),
    ),
    "Lease Container": ([f"{CONTAINERS}/write"], lambda at: at.in_container.acquire_lease()),
    "Delete Container": ([f"{CONTAINERS}/delete"], lambda at: at.in_container.delete_container()),
    # Blobs
    "List Blobs": ([f"{BLOBS}/read"], lambda at: list(at.in_container.list_blobs())),
    "List Blobs by folder": ([f"{BLOBS}/read"], lambda at: list(at.in_container.walk_blobs())),
    "Get Blob": ([f"{BLOBS}/read"], lambda at: at.blob().download_blob().readall()),
    "Get Blob Properties": ([f"{BLOBS}/read"], lambda at: at.blob().get_blob_properties()),
    "Get Block List": ([f"{BLOBS}/read"], lambda at: at.blob().get_block_list()),
    "Put Blob": ([f"{BLOBS}/write"], lambda at: at.blob().upload_blob(b"1", overwrite=True)),
    "Put Blob (append)": ([f"{BLOBS}/write"], lambda at: at.blob("appended").create_append_blob()),
    "Put Blob (page)": ([f"{BLOBS}/write"], lambda at: at.blob().create_page_blob(512)),
    "Put Block": ([f"{BLOBS}/write"], lambda at: at.blob().stage_block("YQ==", b"1")),
    "Put Block List": ([f"{BLOBS}/write"], lambda at: at.blob().commit_block_list([])),
    "Set Blob Properties": ([f"{BLOBS}/write"], lambda at: at.blob().set_http_headers()),
    "Set Blob Metadata": ([f"{BLOBS}/write"], lambda at: at.blob().set_blob_metadata({"a": "b"})),
    "Set Blob Tier": ([f"{BLOBS}/write"], lambda at: at.blob().set_standard_blob_tier("Cool")),
    "Lease Blob": ([f"{BLOBS}/write"], lambda at: at.blob().acquire_lease()),
    "Delete Blob": ([f"{BLOBS}/delete"], lambda at: at.blob().delete_blob()),
    "Get Blob Tags": ([f"{BLOBS}/tags/read"], lambda at: at.blob().get_blob_tags()),
    "Set Blob Tags": ([f"{BLOBS}/tags/write"], lambda at: at.blob().set_blob_tags({"a": "b"})),
    "Find Blobs by Tags": (
        [f"{BLOBS}/filter/action"],
        lambda at: list(at.blobs.find_blobs_by_tags("\"a\"='b'")),
    ),
    # Queues
    "List Queues": ([f"{QUEUES}/read"], lambda at: list(at.queues.list_queues())),
    "Get Queue Service Properties": (["queueServices/read"], lambda at: at.queues.get_service_properties()),
    "Set Queue Service Properties": (
        ["queueServices/write"],
        lambda at: at.queues.set_service_properties(cors=[]),
    ),
    "Create Queue": ([f"{QUEUES}/write"], lambda at: at.queues.create_queue(unique("new"))),
    "Get Queue Metadata": ([f"{QUEUES}/read"], lambda at: at.in_queue.get_queue_properties()),
    "Set Queue Metadata": ([f"{QUEUES}/write"], lambda at: at.in_queue.set_queue_metadata({"a": "b"})),
    "Delete Queue": ([f"{QUEUES}/delete"], lambda at: at.in_queue.delete_queue()),
    "Peek Messages": ([f"{MESSAGES}/read"], lambda at: at.in_queue.peek_messages()),
    "Clear Messages": ([f"{MESSAGES}/delete"], lambda at: at.in_queue.clear_messages()),
    "Update Message": (
        [f"{MESSAGES}/write"],
        lambda at: at.in_queue.update_message(at.message(), visibility_timeout=0),
    ),
    # Tables
    "Query Tables": ([f"{TABLES}/read"], lambda at: list(at.tables.list_tables())),
    "Get Table Service Properties": (["tableServices/read"], lambda at: at.tables.get_service_properties()),
    "Create Table": ([f"{TABLES}/write"], lambda at: at.tables.create_table(unique("new"))),
    "Delete Table": ([f"{TABLES}/delete"], lambda at: at.in_table.delete_table()),
    "Query Entities": ([f"{ENTITIES}/read"], lambda at: list(at.in_table.list_entities())),
    "Query Entities by key": ([f"{ENTITIES}/read"], lambda at: at.in_table.get_entity("p", "there")),
    "Delete Entity": ([f"{ENTITIES}/delete"], lambda at: at.in_table.delete_entity("p", "there")),
}
"""By operation, the one right that it needs below Microsoft.Storage/storageAccounts/, and a call of it."""

ALTERNATIVES: dict[str, tuple[list[list[str]], Callable[[Place], Any]]] = {
    "Put Blob (new)": (
        [[f"{BLOBS}/write"], [f"{BLOBS}/add/action"]],
        lambda at: at.blob("new").upload_blob(b"1"),
    ),
    "Put Block (new)": (
        [[f"{BLOBS}/write"], [f"{BLOBS}/add/action"]],
        lambda at: at.blob("new").stage_block("YQ==", b"1"),
    ),
    "Append Block": (
        [[f"{BLOBS}/write"], [f"{BLOBS}/add/action"]],
        lambda at: at.blob("appended").append_block(b"1"),
    ),
    "Snapshot Blob": (
        [[f"{BLOBS}/write"], [f"{BLOBS}/add/action"]],
        lambda at: at.blob().create_snapshot(),
    ),
    "Put Blob with tags": (
        [[f"{BLOBS}/write", f"{BLOBS}/tags/write"]],
        lambda at: at.blob().upload_blob(b"1", overwrite=True, tags={"a": "b"}),
    ),
    "Copy Blob": (
        [[f"{BLOBS}/write", f"{BLOBS}/read"]],
        lambda at: at.blob("appended").start_copy_from_url(at.source()),
    ),
    "Copy Blob (new)": (
        [[f"{BLOBS}/write", f"{BLOBS}/read"], [f"{BLOBS}/add/action", f"{BLOBS}/read"]],
        lambda at: at.blob("copy").start_copy_from_url(at.source()),
    ),
    "Copy Blob From URL": (
        [[f"{BLOBS}/write", f"{BLOBS}/read"], [f"{BLOBS}/add/action", f"{BLOBS}/read"]],
        lambda at: at.blob("copy").start_copy_from_url(at.source(), requires_sync=True),
    ),
    "Put Message": (
        [[f"{MESSAGES}/add/action"], [f"{MESSAGES}/write"]],
        lambda at: at.in_queue.send_message("two"),
    ),
    "Get Messages": (
        [[f"{MESSAGES}/process/action"], [f"{MESSAGES}/delete", f"{MESSAGES}/read"]],
        lambda at: at.in_queue.receive_message(),
    ),
    "Delete Message": (
        [[f"{MESSAGES}/process/action"], [f"{MESSAGES}/delete"]],
        lambda at: at.in_queue.delete_message(at.message()),
    ),
    "Insert Entity": (
        [[f"{ENTITIES}/write"], [f"{ENTITIES}/add/action"]],
        lambda at: at.in_table.create_entity(entity("new")),
    ),
    "Update Entity": (
        [[f"{ENTITIES}/write"], [f"{ENTITIES}/update/action"]],
        lambda at: at.in_table.update_entity(entity(), UpdateMode.REPLACE),
    ),
    "Merge Entity": (
        [[f"{ENTITIES}/write"], [f"{ENTITIES}/update/action"]],
        lambda at: at.in_table.update_entity(entity(), UpdateMode.MERGE),
    ),
    "Insert Or Replace Entity": (
        [[f"{ENTITIES}/write"], [f"{ENTITIES}/add/action", f"{ENTITIES}/update/action"]],
        lambda at: at.in_table.upsert_entity(entity(), UpdateMode.REPLACE),
    ),
    "Insert Or Merge Entity": (
        [[f"{ENTITIES}/write"], [f"{ENTITIES}/add/action", f"{ENTITIES}/update/action"]],
        lambda at: at.in_table.upsert_entity(entity(), UpdateMode.MERGE),
    ),
}
"""By operation, the sets of rights of which one suffices, and a call of it."""
ALL = {name: ([rights], call) for name, (rights, call) in OPERATIONS.items()} | ALTERNATIVES
REFUSED = ("AuthorizationPermissionMismatch", "CannotVerifyCopySource")


def full(rights: list[str]) -> list[str]:
    return [f"Microsoft.Storage/storageAccounts/{each}" for each in rights]


def is_data(right: str) -> bool:
    return right.startswith((f"{BLOBS}/", f"{MESSAGES}/", f"{ENTITIES}/"))


def holding(store: Store, rights: list[str]) -> str:
    """Somebody who holds these rights on the account and no others."""
    principal = person()
    data = [each for each in rights if is_data(each)]
    actions = [each for each in rights if not is_data(each)]
    role = store.define(actions=full(actions), dataActions=full(data))
    store.assign(principal, role, account_id(MAIN))
    return principal


def holding_all_but(store: Store, rights: list[str]) -> str:
    principal = person()
    role = store.define(
        actions=["*"], dataActions=["*"], notActions=full(rights), notDataActions=full(rights)
    )
    store.assign(principal, role, account_id(MAIN))
    return principal


def refusal(call: Callable[[Place], Any], at: Place) -> str:
    """The code of a refusal, or "" if the call was done. Any other failure is raised."""
    try:
        call(at)
    except HttpResponseError as error:
        if error.status_code != 403:
            raise
        answer: Any = error.response
        return str(answer.headers["x-ms-error-code"])
    return ""


@pytest.mark.parametrize(
    ("name", "rights"), [(name, rights) for name, (sets, _) in ALL.items() for rights in sets]
)
def test_an_operation_is_done_for_whoever_holds_its_right_and_nothing_else(
    store: Store, name: str, rights: list[str]
) -> None:
    assert refusal(ALL[name][1], Place(store, holding(store, rights))) == ""


@pytest.mark.parametrize(
    ("name", "missing"),
    # Of each set one right is missing.
    [(name, [each[-1] for each in sets]) for name, (sets, _) in ALL.items()]
    + [(name, [each[0] for each in sets]) for name, (sets, _) in ALTERNATIVES.items()],
)
def test_an_operation_is_refused_for_whoever_holds_all_rights_but_its_own(
    store: Store, name: str, missing: list[str]
) -> None:
    assert refusal(ALL[name][1], Place(store, holding_all_but(store, missing))) in REFUSED


@pytest.mark.parametrize("name", ["Put Blob", "Put Block", "Put Block List", "Copy Blob"])
def test_who_may_only_add_blobs_replaces_none(store: Store, name: str) -> None:
    at = Place(store, holding(store, [f"{BLOBS}/add/action", f"{BLOBS}/read"]))
    assert refusal(ALL[name][1], at) == "AuthorizationPermissionMismatch"


READS = {"Get Blob", "Get Blob Properties", "Get Block List", "List Blobs", "List Blobs by folder"}
SHOWS = {"List Containers", "Get Container Properties"}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("Storage Blob Data Reader", {*READS, *SHOWS, "Get User Delegation Key"}),
        ("Storage Queue Data Message Sender", {"Put Message"}),
        (
            "Storage Queue Data Message Processor",
            {"Peek Messages", "Get Messages", "Delete Message"},
        ),
        (
            "Storage Queue Data Reader",
            {"Peek Messages", "List Queues", "Get Queue Metadata"},
        ),
        (
            "Storage Table Data Reader",
            {"Query Tables", "Query Entities", "Query Entities by key"},
        ),
        ("Storage Blob Delegator", {"Get User Delegation Key"}),
        ("Storage File Data Privileged Contributor", set()),
        ("Reader", {*SHOWS, "Get Blob Service Properties", "List Queues", "Get Queue Metadata",
                    "Get Queue Service Properties", "Query Tables", "Get Table Service Properties"}),
    ],
)  # fmt: skip
def test_a_built_in_role_allows_its_operations_and_no_others(
    store: Store, role: str, allowed: set[str]
) -> None:
    principal = person()
    store.assign(principal, role, account_id(MAIN))
    at = Place(store, principal)
    done = set()
    for name, (_, call) in ALL.items():
        if refusal(call, at) == "":
            done.add(name)
            at = Place(store, principal)
    assert done == allowed


@pytest.mark.parametrize("access", ["blob", "container"])
def test_an_account_without_public_containers_gets_none(store: Store, access: str) -> None:
    token = store.token(PLATFORM)
    url = f"{store.home.storage_url(MAIN)}/{unique('c')}?restype=container"
    wanted = {"x-ms-blob-public-access": access}
    refused = store.request("PUT", url, token, headers=wanted)
    assert (refused.status_code, "PublicAccessNotPermitted" in refused.text) == (409, True)
    assert store.request("PUT", url, token).status_code == 201
    refused = store.request("PUT", f"{url}&comp=acl", token, headers=wanted)
    assert (refused.status_code, "PublicAccessNotPermitted" in refused.text) == (409, True)
    assert store.request("PUT", f"{url}&comp=acl", token).status_code == 200
