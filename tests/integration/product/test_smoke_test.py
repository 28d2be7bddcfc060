"""The smoke test on a real localcloud: a job that fails before it scores is explained."""

import ssl
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from localcloud.credentials import Principal
from localcloud.home import REGION, SUBSCRIPTION, Home
from localcloud.identities import object_id_of

from activities.dataset import sample_path
from activities.smoke_test import smoke_test
from runs import remedies
from runs.errors import RefusedError
from runs.steps import SmokeTestInput
from services.clients import Clients
from tests.integration.product.test_serving import poll, result, run_id, served, told_of, upload
from touchdown.local.names import GROUP_ID, STORAGE_ID, identity_id

pytestmark = pytest.mark.integration


OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
"""Managed Identity Operator, with which the app gives a cluster its identity."""


BLOBS = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
"""Storage Blob Data Contributor."""


def identity_without_tables(home: Home, unique: str) -> str:
    """Make a user-assigned identity that the app may give to a cluster, and return its resource id."""
    id_ = f"{GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u{unique}"
    authorization = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization"
    role = {
        "roleDefinitionId": f"{authorization}/roleDefinitions/{OPERATOR}",
        "principalId": object_id_of(identity_id("app")),
        "principalType": "ServicePrincipal",
    }
    put(home, id_, {"location": REGION}, "2023-01-31")
    assignment = f"{id_}/providers/Microsoft.Authorization/roleAssignments/{uuid4()}"
    put(home, assignment, {"properties": role}, "2022-04-01")
    # Without blobs it could not even read its input; what it lacks are the table and the queues.
    blobs = role | {
        "roleDefinitionId": f"{authorization}/roleDefinitions/{BLOBS}",
        "principalId": object_id_of(id_),
    }
    assignment = f"{STORAGE_ID}/providers/Microsoft.Authorization/roleAssignments/{uuid4()}"
    put(home, assignment, {"properties": blobs}, "2022-04-01")
    return id_


def put(home: Home, id_: str, body: dict[str, Any], version: str) -> None:
    """PUT a resource as the person, who owns the subscription."""
    httpx.put(
        f"{home.resource_manager}{id_}",
        params={"api-version": version},
        json=body,
        headers={"Authorization": f"Bearer {Principal(home).get_token(home.resource_manager).token}"},
        verify=ssl.create_default_context(cafile=home.ca_bundle),
        proxy=home.proxy,
    ).raise_for_status()


def test_a_cluster_whose_identity_lacks_roles_on_storage_fails_with_those_to_check(
    clients: Clients, cloud_home: Home, unique: str
) -> None:
    identity = identity_without_tables(cloud_home, unique)
    clients = replace(clients, settings=replace(clients.settings, compute_identity=identity))
    of = upload(clients, unique, 1)
    compute = f"c{unique}"
    served(clients, unique, [1], compute)
    clients.container.upload_blob(sample_path(run_id(of)), b"a\n1\n")
    folder = result(clients, of).folder
    wanted = SmokeTestInput(*told_of(clients, of, compute_name=compute), folder)
    with pytest.raises(RefusedError) as refused:
        poll(smoke_test, wanted, clients)
    assert refused.value.code == "SmokeTestFailed"
    assert "exited with status code 42" in str(refused.value)
    assert str(refused.value).endswith(remedies.STORAGE_ROLES)
