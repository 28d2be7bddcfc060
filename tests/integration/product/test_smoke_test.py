"""The smoke test on a real localcloud: a job that fails before it scores is explained."""

from dataclasses import replace

import pytest
from azure.core.rest import HttpRequest

from activities.dataset import sample_path
from activities.smoke_test import smoke_test
from runs import remedies
from runs.contracts import SmokeTestInput
from runs.errors import RefusedError
from services.clients import Clients
from tests.integration.product.test_serving import poll, result, run_id, served, upload
from touchdown.local.names import GROUP_ID
from touchdown.local.resources import REGION

pytestmark = pytest.mark.integration


def identity_without_roles(clients: Clients, unique: str) -> str:
    """Make a user-assigned identity and return its resource id."""
    id_ = f"{GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u{unique}"
    url = f"{clients.settings.resource_manager}{id_}?api-version=2023-01-31"
    request = HttpRequest("PUT", url, json={"location": REGION})
    clients.resource_manager.send_request(request).raise_for_status()
    return id_


def test_a_cluster_whose_identity_lacks_roles_on_storage_fails_with_those_to_check(
    clients: Clients, unique: str
) -> None:
    identity = identity_without_roles(clients, unique)
    clients = replace(clients, settings=replace(clients.settings, compute_identity=identity))
    of = upload(clients, unique, 1)
    compute = f"c{unique}"
    endpoint, names = served(clients, unique, [1], compute)
    clients.container.upload_blob(sample_path(run_id(of)), b"a\n1\n")
    folder = result(clients, of).folder
    wanted = SmokeTestInput(run_id(of), endpoint, names[1], folder, "classification", compute)
    with pytest.raises(RefusedError) as refused:
        poll(smoke_test, wanted, clients)
    assert refused.value.code == "SmokeTestFailed"
    assert "exited with status code 42" in str(refused.value)
    assert str(refused.value).endswith(remedies.STORAGE_ROLES)
