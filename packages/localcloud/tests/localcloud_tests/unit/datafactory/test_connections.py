"""What linked services connect to and as whom: Data Factory's codes where a right or a definition is missing.

A cloud without storage, in process: nothing here sends a request.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from localcloud.access.built_in import built_in_named
from localcloud.batch import definitions, keys
from localcloud.datafactory.connections import Connections, StorageConnection
from localcloud.datafactory.errors import ActivityFailedError, InvalidReferenceError
from localcloud.datafactory.files import check_keyless, output_file, resource_file
from localcloud.datafactory.resources import CREDENTIAL, LINKED_SERVICE, Resources
from localcloud.faults import Faults
from localcloud.home import Home, Ports
from localcloud.identities import USER_ASSIGNED, client_id_of, object_id_of
from localcloud.inventory import BATCH_ACCOUNT, GROUP, POOL
from localcloud.service import Cloud
from localcloud.store import Store
from localcloud.tokens import Tokens
from localcloud.wire import Operations

from localcloud_tests.resources import (
    BATCH_ACCOUNT as ACCOUNT,
)
from localcloud_tests.resources import (
    BATCH_ID,
    CARRYING,
    GROUP_ID,
    STORAGE_ACCOUNT,
    STORAGE_ID,
    WORKER_ID,
    batch_account,
    blob_url,
    pool,
)
from localcloud_tests.resources import (
    CREDENTIAL as WORKER,
)
from localcloud_tests.resources import (
    POOL as WORKERS,
)

STORAGE = "Microsoft.Storage/storageAccounts"
VAULT_ID = f"{GROUP_ID}/providers/Microsoft.KeyVault/vaults/keys"
SECRET_ID = f"{VAULT_ID}/secrets/batch-key"
FACTORY = "factory"
VAULT = {"referenceName": "vault", "type": "LinkedServiceReference"}


class Bench:
    """A cloud with a Batch account, a pool, a vault and a factory, whose one identity has no role."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.store = Store(self.home.root / "cloud.sqlite")
        operations = Operations(self.store, self.home.resource_manager)
        self.cloud = Cloud(self.home, self.store, Tokens(self.home), operations, Faults())
        self.resources = Resources(self.store, self.cloud.inventory)
        self.connections = Connections(self.cloud, self.resources)
        put = self.cloud.inventory.put
        put(GROUP, GROUP_ID, {}, {})
        put(STORAGE, STORAGE_ID, {}, {})
        ids = {"principalId": object_id_of(WORKER_ID), "clientId": client_id_of(WORKER_ID)}
        put(USER_ASSIGNED, WORKER_ID, {}, ids)
        self.put_account(batch_account())
        put(POOL, f"{BATCH_ID}/pools/{WORKERS}", {"identity": CARRYING}, pool())
        put("Microsoft.KeyVault/vaults", VAULT_ID, {"location": "here"}, {})
        self.resources.put_factory(FACTORY, {"identity": CARRYING})
        identity = {"type": "ManagedIdentity", "typeProperties": {"resourceId": WORKER_ID}}
        self.resources.put_credential(FACTORY, "worker", identity)
        self.link("storage", "AzureBlobStorage", serviceEndpoint=blob_url(self.home), credential=WORKER)
        self.link("vault", "AzureKeyVault", baseUrl=self.home.key_vault_url("keys"), credential=WORKER)
        self.link("batch", "AzureBatch", **self.batch(), credential=WORKER)

    def put_account(self, body: dict[str, Any]) -> None:
        found = definitions.account(ACCOUNT, body, None, lambda _: True)
        self.cloud.inventory.put(BATCH_ACCOUNT, BATCH_ID, body, found)

    def link(self, name: str, type_: str, **given: Any) -> None:
        self.resources.put_linked_service(FACTORY, name, {"type": type_, "typeProperties": given})

    def batch(self, **changed: str) -> dict[str, Any]:
        reference = {"referenceName": "storage", "type": "LinkedServiceReference"}
        return {
            "accountName": ACCOUNT,
            "batchUri": f"https://{self.cloud.batch_endpoint}",
            "poolName": WORKERS,
            "linkedServiceName": reference,
            **changed,
        }

    def assign(self, role: str, scope: str) -> None:
        found = built_in_named(role)
        assert found is not None
        name = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{found.id}"
        self.cloud.inventory.put(
            "Microsoft.Authorization/roleAssignments",
            name,
            {},
            {"roleDefinitionId": found.id, "principalId": object_id_of(WORKER_ID), "scope": scope},
        )

    def keep_key(self, value: str) -> None:
        """Keep a value in the vault, as deploying a secret does."""
        self.cloud.inventory.put("Microsoft.KeyVault/vaults/secrets", SECRET_ID, {}, {})
        self.cloud.inventory.keep_secrets(SECRET_ID, {"versions": [{"value": value}]})

    def refusal(self, name: str, *, storage: bool = False) -> ActivityFailedError:
        with pytest.raises(ActivityFailedError) as refused:
            (self.connections.storage if storage else self.connections.batch)(FACTORY, name)
        return refused.value


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key for tokens, which takes long to make."""
    home = Home.open(tmp_path_factory.mktemp("keys"), Ports())
    Tokens(home)
    return home.certificates


@pytest.fixture
def bench(tmp_path: Path, certificates: Path) -> Iterator[Bench]:
    home = Home.open(tmp_path / "home", Ports())
    home.certificates.symlink_to(certificates)
    made = Bench(home)
    yield made
    made.store.close()


def test_an_identity_needs_the_right_to_write_jobs_of_the_batch_account(bench: Bench) -> None:
    refused = bench.refusal("batch")
    assert refused.code == "2501"
    assert refused.message.startswith(
        "Cannot access user batch account; please check batch account settings."
    )
    assert "does not have authorization to perform action 'Microsoft.Batch/batchAccounts/jobs/write'" in str(
        refused
    )
    assert BATCH_ID in refused.message
    bench.assign("Azure Batch Job Submitter", BATCH_ID)
    assert bench.connections.batch(FACTORY, "batch").identity == WORKER_ID


def test_a_reader_of_the_batch_account_may_not_run_tasks(bench: Bench) -> None:
    bench.assign("Azure Batch Account Reader", BATCH_ID)
    assert bench.refusal("batch").code == "2501"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"poolName": "other"}, "2501"),
        ({"accountName": "other"}, "2501"),
        ({"batchUri": "batches.batch.azure.com"}, "2509"),
        ({"batchUri": "https://other.localcloud.batch.azure.com/"}, "2510"),
    ],
)
def test_another_pool_is_refused_with_the_services_code(
    bench: Bench, changed: dict[str, str], code: str
) -> None:
    bench.assign("Azure Batch Account Contributor", BATCH_ID)
    bench.link("batch", "AzureBatch", **bench.batch(**changed), credential=WORKER)
    assert bench.refusal("batch").code == code


def test_a_linked_service_of_another_type_is_refused(bench: Bench) -> None:
    assert bench.refusal("storage").code == "2110"
    assert bench.refusal("batch", storage=True).code == "2110"


def test_a_key_in_a_vault_is_read_as_the_factorys_identity(bench: Bench) -> None:
    body = batch_account()
    body["properties"]["allowedAuthenticationModes"] = ["AAD", "SharedKey"]
    bench.put_account(body)
    secret = {"type": "AzureKeyVaultSecret", "store": VAULT, "secretName": "batch-key"}
    bench.link("batch", "AzureBatch", **bench.batch(), accessKey=secret)

    refused = bench.refusal("batch")
    assert refused.code == "2501"
    assert "Failed to get the secret from key vault, secretName: batch-key" in refused.message
    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in refused.message
    assert SECRET_ID in refused.message

    bench.assign("Key Vault Secrets User", SECRET_ID)
    assert "was not found in this key vault" in bench.refusal("batch").message
    bench.keep_key("not the key")
    assert "is not accepted by the account" in bench.refusal("batch").message
    account = bench.cloud.inventory.one(BATCH_ACCOUNT)
    assert account is not None
    bench.keep_key(keys.of(bench.cloud.inventory, account)["primary"])
    assert bench.connections.batch(FACTORY, "batch").identity == ""

    bench.put_account(batch_account())
    assert bench.refusal("batch").code == "2501", "the account accepts no key any more"


@pytest.mark.parametrize(
    "given",
    [
        {"connectionString": f"AccountName={STORAGE_ACCOUNT};AccountKey=a2V5"},
        {"connectionString": {"type": "SecureString", "value": "BlobEndpoint={blob};AccountKey=a2V5"}},
        {
            "connectionString": f"AccountName={STORAGE_ACCOUNT}",
            "accountKey": {"type": "SecureString", "value": "a2V5"},
        },
    ],
)
def test_a_connection_string_names_an_account_and_its_key(bench: Bench, given: dict[str, Any]) -> None:
    text = given["connectionString"]
    if isinstance(text, dict):
        given = given | {
            "connectionString": text | {"value": text["value"].format(blob=blob_url(bench.home))}
        }
    bench.link("keyed", "AzureBlobStorage", **given)
    found = bench.connections.storage(FACTORY, "keyed")
    assert (found.account, found.key, found.identity) == (STORAGE_ACCOUNT, "a2V5", "")
    assert "sig=" in resource_file(found, "a", "code", "a").sas
    assert "sp=cw" in output_file(found, "a", "a").sas


def test_a_node_uses_its_own_identity_where_there_is_no_key(bench: Bench) -> None:
    found = bench.connections.storage(FACTORY, "storage")
    file = resource_file(found, "a", "code", "a")
    assert (file.identity, file.sas) == (WORKER_ID, "")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"serviceEndpoint": "https://x.blob.core.windows.net/", "credential": WORKER}, "2502"),
        ({"connectionString": "AccountName=other;AccountKey=k=="}, "2502"),
        ({"connectionString": "garbage"}, "2502"),
        (
            {"connectionString": f"AccountName={STORAGE_ACCOUNT};EndpointSuffix=other.net;AccountKey=k"},
            "2502",
        ),
        ({"serviceEndpoint": "{blob}"}, "2505"),
        ({"sasUri": "{blob}?sv=x"}, "2505"),
    ],
)
def test_storage_that_cannot_be_used_is_refused_with_the_services_code(
    bench: Bench, given: dict[str, Any], code: str
) -> None:
    named = {
        key: value.format(blob=blob_url(bench.home)) if isinstance(value, str) else value
        for key, value in given.items()
    }
    bench.link("odd", "AzureBlobStorage", **named)
    assert bench.refusal("odd", storage=True).code == code


def test_the_factory_carries_the_identity_of_a_credential(bench: Bench) -> None:
    bench.resources.put_factory(FACTORY, {})
    refused = bench.refusal("storage", storage=True)
    assert refused.code == "2502"
    assert "The factory does not carry the identity of the credential 'worker'" in refused.message


def test_a_missing_reference_is_named_and_what_is_referred_to_is_kept(bench: Bench) -> None:
    gone = {"referenceName": "gone", "type": "CredentialReference"}
    with pytest.raises(InvalidReferenceError, match="invalid reference 'gone'"):
        bench.link("odd", "AzureBlobStorage", serviceEndpoint=blob_url(bench.home), credential=gone)
    for kind, name in ((CREDENTIAL, "worker"), (LINKED_SERVICE, "storage")):
        with pytest.raises(Exception, match="refers to it"):
            bench.resources.delete(kind, FACTORY, name)


def test_without_keys_one_identity_has_to_be_everywhere(bench: Bench) -> None:
    storage = StorageConnection(STORAGE_ACCOUNT, bench.cloud.blobs_of(STORAGE_ACCOUNT), WORKER_ID)
    inventory, factory = bench.cloud.inventory, bench.resources.factory(FACTORY)
    check_keyless(inventory, factory, WORKER_ID, storage)

    def reason(factory: dict[str, Any] = factory, batch: str = WORKER_ID) -> str:
        with pytest.raises(ActivityFailedError) as refused:
            check_keyless(inventory, factory, batch, storage)
        assert refused.value.code == "2505"
        assert refused.value.message.startswith("Cannot create Shared Access Signature unless Account Key")
        return refused.value.message

    assert "another identity" in reason(batch="")
    assert "The factory does not carry" in reason(factory={})
    for path, value, named in (
        ("nodeIdentityReference", {"resourceId": "other"}, "nodeIdentityReference"),
        ("authenticationMode", "StorageKeys", "BatchAccountManagedIdentity"),
        ("storageAccountId", f"{STORAGE_ID}2", "auto storage is another"),
    ):
        body = copy.deepcopy(batch_account())
        body["properties"]["autoStorage"][path] = value
        bench.put_account(body)
        assert named in reason()
    bench.put_account(batch_account())
    inventory.put(POOL, f"{BATCH_ID}/pools/{WORKERS}", {}, pool())
    assert "The pool does not carry" in reason()
