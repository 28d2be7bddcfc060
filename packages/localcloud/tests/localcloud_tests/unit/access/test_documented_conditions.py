"""Examples of "Example Azure role assignment conditions for Blob Storage": who may do what by each."""

import pytest
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import (
    BLOB_PATH,
    BLOB_PREFIX,
    CONTAINER_NAME,
    Attribute,
    Value,
    tag,
)
from localcloud.access.conditions.parser import parse

from localcloud_tests.unit.access.hook import HOOK

STORAGE = "Microsoft.Storage/storageAccounts"
CONTAINERS = f"{STORAGE}/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
READ, WRITE, ADD, DELETE = (f"{BLOBS}/{name}" for name in ("read", "write", "add/action", "delete"))
PROJECT = f"{BLOBS}/tags:Project<$key_case_sensitive$>"
SENSITIVITY = f"{BLOBS}/tags:sensitivity<$key_case_sensitive$>"
NOT_A_LISTED_READ = f"!(ActionMatches{{'{READ}'}} AND NOT SubOperationMatches{{'Blob.List'}})"
IN_CONTAINER = f"@Resource[{CONTAINERS}:name] StringEquals 'blobs-example-container'"
CURRENT = Attribute.of("Resource", f"{BLOBS}:isCurrentVersion")
VERSION = Attribute.of("Request", f"{BLOBS}:versionId")
SNAPSHOT = Attribute.of("Request", f"{BLOBS}:snapshot")
HIERARCHICAL = Attribute.of("Resource", f"{STORAGE}:isHnsEnabled")
SCOPE_NAME = Attribute.of("Resource", f"{STORAGE}/encryptionScopes:name")
PRIVATE = Attribute.of("Environment", "isPrivateLink")
NOW = Attribute.of("Environment", "UtcNow")
ENDPOINT = Attribute.of("Environment", "Microsoft.Network/privateEndpoints")
ENGINEERING = Attribute.of("Principal", "Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project")
KEYS = Attribute.of("Request", f"{BLOBS}/tags&$keys$&")

type Attributes = dict[Attribute, Value]


def unless(actions: list[str], expression: str) -> str:
    """A condition that applies to these actions only, as all examples are written."""
    return f"(({' AND '.join(actions)}) OR ({expression}))"


def of(*actions: str, suboperation: str = "") -> list[str]:
    sub = f" AND SubOperationMatches{{'{suboperation}'}}" if suboperation else ""
    return [f"!(ActionMatches{{'{each}'}}{sub})" for each in actions]


READ_TAGGED = unless([NOT_A_LISTED_READ], f"@Resource[{PROJECT}] StringEquals 'Cascade'")
WRITE_TAGGED = unless(
    of(WRITE, ADD, suboperation="Blob.Write.WithTagHeaders"), f"@Request[{PROJECT}] StringEquals 'Cascade'"
)
TAG_KEYS = unless(
    of(f"{BLOBS}/tags/write"),
    f"@Request[{BLOBS}/tags&$keys$&] ForAllOfAnyValues:StringEquals {{'Project', 'Program'}}",
)
NAMED = unless(of(DELETE, READ, WRITE, ADD), IN_CONTAINER)
LISTED = (
    unless(
        [NOT_A_LISTED_READ],
        f"{IN_CONTAINER} AND @Resource[{BLOBS}:path] StringStartsWith 'readonly/'",
    )
    + " AND "
    + unless(
        of(READ, suboperation="Blob.List"),
        f"{IN_CONTAINER} AND @Request[{BLOBS}:prefix] StringStartsWith 'readonly/'",
    )
)
DROPPED = unless(
    of(WRITE, ADD),
    f"@Resource[{CONTAINERS}:name] StringEquals 'contosocorp' "
    f"AND @Resource[{BLOBS}:path] StringLike 'uploads/contoso/*'",
)
ONE_VERSION = unless(
    [NOT_A_LISTED_READ],
    f"@Request[{BLOBS}:versionId] DateTimeEquals '2022-06-01T23:38:32.8883645Z' "
    f"OR @Resource[{BLOBS}:isCurrentVersion] BoolEquals true",
)
SNAPSHOTS = unless(
    [NOT_A_LISTED_READ],
    f"Exists @Request[{BLOBS}:snapshot] OR @Resource[{BLOBS}:isCurrentVersion] BoolEquals true",
)
HNS = unless([NOT_A_LISTED_READ], f"@Resource[{STORAGE}:isHnsEnabled] BoolEquals true")
ENCRYPTED = unless(
    of(READ),
    f"@Resource[{STORAGE}/encryptionScopes:name] "
    "ForAnyOfAnyValues:StringEquals {'validScope1', 'validScope2'}",
)
SENSITIVE = unless(
    [NOT_A_LISTED_READ],
    f"(@Resource[{SENSITIVITY}] StringEquals 'high' AND @Environment[isPrivateLink] BoolEquals true) "
    f"OR @Resource[{SENSITIVITY}] StringNotEquals 'high' OR NOT Exists @Resource[{SENSITIVITY}]",
)
TAGGED_AS_I_AM = unless(
    [NOT_A_LISTED_READ],
    "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project] "
    f"StringEquals @Resource[{PROJECT}]",
)
BY_ENDPOINT = unless(
    of(READ),
    f"(@Resource[{CONTAINERS}:name] StringEquals 'container1' AND "
    "@Environment[Microsoft.Network/privateEndpoints] StringEqualsIgnoreCase '/subscriptions/1/Endpoint1') "
    f"OR @Resource[{CONTAINERS}:name] StringNotEquals 'container1'",
)
AFTER = unless(of(READ), "@Environment[UtcNow] DateTimeGreaterThan '2023-05-01T13:00:00.000Z'")

HIGH: Attributes = {tag("Resource", "sensitivity"): "high"}
LOW: Attributes = {tag("Resource", "sensitivity"): "low"}
MINE: Attributes = {CONTAINER_NAME: "blobs-example-container"}
CONTOSO: Attributes = {CONTAINER_NAME: "contosocorp"}


@pytest.mark.parametrize(
    ("condition", "operation", "suboperation", "attributes", "expected"),
    [
        (READ_TAGGED, READ, "", {tag("Resource", "Project"): "Cascade"}, True),
        (READ_TAGGED, READ, "", {tag("Resource", "Project"): "Baker"}, False),
        (READ_TAGGED, READ, "", {}, False),
        (READ_TAGGED, READ, "Blob.List", {}, True),
        (READ_TAGGED, WRITE, "", {}, True),
        (WRITE_TAGGED, WRITE, "Blob.Write.WithTagHeaders", {tag("Request", "Project"): "Cascade"}, True),
        (WRITE_TAGGED, ADD, "Blob.Write.WithTagHeaders", {tag("Request", "Project"): "Baker"}, False),
        (WRITE_TAGGED, WRITE, "", {}, True),
        (TAG_KEYS, f"{BLOBS}/tags/write", "", {KEYS: ("Program", "Project")}, True),
        (TAG_KEYS, f"{BLOBS}/tags/write", "", {KEYS: ("Mode",)}, False),
        (TAG_KEYS, f"{BLOBS}/tags/write", "", {KEYS: ("Mode", "Program")}, False),
        (NAMED, DELETE, "", MINE, True),
        (NAMED, ADD, "", {CONTAINER_NAME: "ungranted"}, False),
        (NAMED, READ, "Blob.List", {CONTAINER_NAME: "ungranted"}, False),
        (LISTED, READ, "", MINE | {BLOB_PATH: "readonly/Example6.txt"}, True),
        (LISTED, READ, "", MINE | {BLOB_PATH: "Ungranted.txt"}, False),
        (LISTED, READ, "", {CONTAINER_NAME: "other", BLOB_PATH: "readonly/Example6.txt"}, False),
        (LISTED, READ, "Blob.List", MINE | {BLOB_PREFIX: "readonly/a"}, True),
        (LISTED, READ, "Blob.List", MINE | {BLOB_PREFIX: ""}, False),
        (LISTED, WRITE, "", {}, True),
        (DROPPED, WRITE, "", CONTOSO | {BLOB_PATH: "uploads/contoso/Example7.txt"}, True),
        (DROPPED, WRITE, "", CONTOSO | {BLOB_PATH: "Example7.txt"}, False),
        (DROPPED, ADD, "", CONTOSO | {BLOB_PATH: "uploads/contoso"}, False),
        (DROPPED, READ, "", CONTOSO | {BLOB_PATH: "Example7.txt"}, True),
        (ONE_VERSION, READ, "", {CURRENT: True}, True),
        (ONE_VERSION, READ, "", {CURRENT: False, VERSION: "2022-06-01T23:38:32.8883645Z"}, True),
        (ONE_VERSION, READ, "", {CURRENT: False, VERSION: "2022-06-01T23:38:32.8883646Z"}, False),
        (SNAPSHOTS, READ, "", {CURRENT: False, SNAPSHOT: "2022-06-01T23:38:32.8883645Z"}, True),
        (SNAPSHOTS, READ, "", {CURRENT: False}, False),
        (HNS, READ, "", {HIERARCHICAL: True}, True),
        (HNS, READ, "", {HIERARCHICAL: False}, False),
        (ENCRYPTED, READ, "", {SCOPE_NAME: "validScope2"}, True),
        (ENCRYPTED, READ, "", {SCOPE_NAME: "otherScope"}, False),
        # The page's own truth table.
        (SENSITIVE, READ, "", HIGH | {PRIVATE: True}, True),
        (SENSITIVE, READ, "", HIGH | {PRIVATE: False}, False),
        (SENSITIVE, READ, "", LOW | {PRIVATE: True}, True),
        (SENSITIVE, READ, "", LOW | {PRIVATE: False}, True),
        (SENSITIVE, READ, "", {PRIVATE: True}, True),
        (SENSITIVE, READ, "", {PRIVATE: False}, True),
        (TAGGED_AS_I_AM, READ, "", {ENGINEERING: "Baker", tag("Resource", "Project"): "Baker"}, True),
        (TAGGED_AS_I_AM, READ, "", {ENGINEERING: "Baker", tag("Resource", "Project"): "Cascade"}, False),
        (TAGGED_AS_I_AM, READ, "", {tag("Resource", "Project"): "Baker"}, False),
        (BY_ENDPOINT, READ, "", {CONTAINER_NAME: "container1", ENDPOINT: "/subscriptions/1/endpoint1"}, True),
        (BY_ENDPOINT, READ, "", {CONTAINER_NAME: "container1"}, False),
        (BY_ENDPOINT, READ, "", {CONTAINER_NAME: "container2"}, True),
        (AFTER, READ, "", {NOW: "2023-05-01T13:00:00.0000001Z"}, True),
        (AFTER, READ, "", {NOW: "2023-05-01T13:00:00.0000000Z"}, False),
    ],
)
def test_an_example_allows_what_the_document_says(
    condition: str, operation: str, suboperation: str, attributes: Attributes, expected: bool
) -> None:
    call = Call("p", operation, "/", is_data=True, suboperation=suboperation, attributes=attributes)
    assert parse(condition).met(call) is expected
    assert (HOOK.met(parse(condition), call) is True) is expected
