"""Deployments with one thing wrong each: they fail, and the error names what is wrong.

One stack is deployed from the templates with `batchAuthentication=KeyVault`, as the compiler evaluated them
for tests/bicep. Each test deploys a snapshot in which one property or resource is different, and then the
right one again.
"""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from localcloud.deploying import DeploymentFailedError
from localcloud.home import SUBSCRIPTION, Home, Ports
from localcloud.stack import Stack, start

from runs import remedies
from tests.checkout import CHECKOUT
from tests.e2e.conftest import QUICK, Json, failed, rows, succeeded
from touchdown import local
from touchdown.checking.checks import check_all
from touchdown.checking.deployment import deployment
from touchdown.checking.findings import Outcome
from touchdown.checking.rows import row_of_run
from touchdown.client import ApiError, Client
from touchdown.local.snapshots import EVENTS, MAIN, read, tuned

pytestmark = pytest.mark.e2e

type Change = Callable[[Json], None]

SNAPSHOTS = {MAIN: "key-vault", EVENTS: "events"}
EVALUATED_FOR = "22222222-2222-2222-2222-222222222222"
"""The subscription for which the snapshots of tests/bicep are."""
POOL = "Microsoft.Batch/batchAccounts/pools"
SITE = "Microsoft.Web/sites"
STORAGE = "Microsoft.Storage/storageAccounts"
SUBSCRIPTIONS = "Microsoft.EventGrid/systemTopics/eventSubscriptions"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"


def templates(name: str) -> Json:
    """The right snapshot of a name, for localcloud's subscription and with quick polling."""
    if name not in SNAPSHOTS:
        return read(name)
    text = (CHECKOUT / "tests" / "bicep" / f"{SNAPSHOTS[name]}.snapshot.json").read_text(encoding="utf-8")
    found: Json = json.loads(text.replace(EVALUATED_FOR, SUBSCRIPTION))
    return tuned(found, QUICK)


def broken_templates(name: str, change: Change) -> Callable[[str], Json]:
    """The snapshots, of which the one of a name is changed."""

    def snapshot_of(wanted: str) -> Json:
        found = copy.deepcopy(templates(wanted))
        if wanted == name:
            change(found)
            assert found != templates(wanted)
        return found

    return snapshot_of


def resource(snapshot: Json, type_: str, beginning: str = "") -> Json:
    """The one resource of a type whose own name begins so."""
    listed: list[Json] = snapshot["predictedResources"]
    (found,) = [
        each
        for each in listed
        if each["type"] == type_ and each["name"].rpartition("/")[2].startswith(beginning)
    ]
    return found


@dataclass(frozen=True)
class Deployed:
    """The stack, and what the deployment of a pool without its identity said before it had its resources."""

    stack: Stack
    without_pool_identity: str

    @property
    def home(self) -> Home:
        return self.stack.home

    @contextmanager
    def broken(self, name: str, change: Change) -> Iterator[None]:
        """Deploy a broken snapshot, and the right one again."""
        local.deploy(self.home, CHECKOUT, snapshot_of=broken_templates(name, change))
        try:
            yield
        finally:
            local.deploy(self.home, CHECKOUT, snapshot_of=templates)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home = Home.open(tmp_path_factory.mktemp("broken") / "home", Ports.free())
    refusals = []

    def deploy() -> None:
        # A pool cannot lose its identity later, so this break is made where there is no pool yet.
        with pytest.raises(DeploymentFailedError) as refused:
            local.deploy(home, CHECKOUT, snapshot_of=broken_templates(MAIN, without_pool_identity))
        refusals.append(str(refused.value))
        local.deploy(home, CHECKOUT, snapshot_of=templates)

    with start(home, local.spec(CHECKOUT), on_cloud_ready=deploy) as stack:
        yield Deployed(stack, *refusals)


@pytest.fixture
def client(deployed: Deployed) -> Iterator[Client]:
    with Client(local.target(deployed.home)) as made:
        yield made


def without_pool_identity(main: Json) -> None:
    del resource(main, POOL)["identity"]


def with_a_misspelt_setting(main: Json) -> None:
    (setting,) = [
        each
        for each in resource(main, SITE)["properties"]["siteConfig"]["appSettings"]
        if each["name"] == "TOUCHDOWN_CONTAINER"
    ]
    setting["name"] = "TOUCHDOWN_CONTAINR"


def with_shared_keys_off(main: Json) -> None:
    resource(main, STORAGE, "stdata")["properties"]["allowSharedKeyAccess"] = False


def without_the_table_role(main: Json) -> None:
    kept = [each for each in main["predictedResources"] if not is_table_role(each)]
    assert len(main["predictedResources"]) - len(kept) == 1
    main["predictedResources"] = kept


def is_table_role(assignment: Json) -> bool:
    said = str(assignment.get("properties", {}).get("description") or "")
    return said.startswith("scoringKeepsTasksInTables ")


def for_another_container(events: Json) -> None:
    subscription = resource(events, SUBSCRIPTIONS, "datasets")["properties"]
    filter_ = subscription["filter"].replace("/containers/{container}/", "/containers/datasets/")
    subscription["filter"] = filter_


def problems(client: Client) -> list[tuple[str, str]]:
    """The message and the row in docs/deploy.md of each check that fails, by what `touchdown check` does."""
    findings = check_all(deployment(client))
    return [(each.message, each.row) for each in findings if each.outcome is Outcome.FAILED]


def test_a_pool_without_the_identity_that_its_start_task_uses_is_refused(deployed: Deployed) -> None:
    said = deployed.without_pool_identity
    assert "/pools/trainers: InvalidPropertyValue: " in said
    assert "the pool does not have the identity" in said
    assert "id-training-" in said
    assert "startTask.resourceFiles[0].identityReference" in said


def test_the_key_vault_fallback_trains_deploys_and_scores(
    deployed: Deployed, client: Client, name: str
) -> None:
    assert not problems(client)
    run = succeeded(client, client.upload(rows(), f"{name}.csv").run_id)
    assert run["predictions"]


def test_shared_keys_that_are_off_fail_the_key_vault_fallback(
    deployed: Deployed, client: Client, name: str
) -> None:
    with deployed.broken(MAIN, with_shared_keys_off):
        run = failed(client, client.upload(rows(), f"{name}.csv").run_id)
    assert (run["error"]["stage"], run["error"]["code"]) == ("wait", "TrainingFailed")
    assert "Key based authentication is not permitted on this storage account." in run["error"]["message"]
    assert row_of_run(run).startswith("`TrainingFailed`, 2502")
    assert " 2502: " in run["error"]["message"]
    assert run["error"]["message"].endswith(remedies.KEYS_OFF)


def test_a_scoring_identity_without_its_table_role_fails_the_smoke_test(
    deployed: Deployed, client: Client, name: str
) -> None:
    (assignment,) = filter(is_table_role, assignments(client))
    client.resource_manager("DELETE", assignment["id"], params={"api-version": "2022-04-01"})
    with deployed.broken(MAIN, without_the_table_role):
        found = problems(client)
        run = failed(client, client.upload(rows(), f"{name}.csv").run_id)
    (message, row) = found[0]
    assert len(found) == 1
    assert "id-scoring-" in message
    assert "for lack of Storage Table Data Contributor" in message
    assert (run["error"]["stage"], run["error"]["code"]) == ("smoke_test", "SmokeTestFailed")
    assert "exited with status code 42" in run["error"]["message"]
    assert run["error"]["message"].endswith(remedies.STORAGE_ROLES)
    assert row_of_run(run) == row == "`SmokeTestFailed`, exit code 42 and an empty user log"


def assignments(client: Client) -> list[Json]:
    """The role assignments in the group of a target."""
    target = client.target
    path = f"/subscriptions/{target.subscription}/resourceGroups/{target.resource_group}"
    listed = client.resource_manager(
        "GET", f"{path}/providers/{ASSIGNMENTS}", params={"api-version": "2022-04-01"}
    )
    return list(listed["value"])


def test_an_app_with_a_misspelt_setting_names_it(deployed: Deployed, client: Client, name: str) -> None:
    with deployed.broken(MAIN, with_a_misspelt_setting):
        found = problems(client)
        with pytest.raises(ApiError) as refused:
            client.start_run(f"{name}.csv")
    assert (refused.value.status, refused.value.code) == (500, "MissingAppSetting")
    assert "app settings are missing: TOUCHDOWN_CONTAINER" in str(refused.value)
    assert "No setting is called TOUCHDOWN_CONTAINR: is one of these misspelt?" in str(refused.value)
    assert [message.split(" ", 1)[1].split(". ")[0] for message, _ in found] == [
        "lacks TOUCHDOWN_CONTAINER",
        "has TOUCHDOWN_CONTAINR, and no setting is called so",
    ]


def test_uploads_start_no_run_where_the_filter_is_for_another_container(
    deployed: Deployed, client: Client, name: str
) -> None:
    with deployed.broken(EVENTS, for_another_container):
        found = problems(client)
        client.upload(rows(), f"{name}.csv")
        # A later event, which the filter lets through once it is right, shows that the first was handled.
    later = client.upload(b"width,kind\n", f"{name}-later.csv")
    failed(client, later.run_id)
    assert not client.runs(dataset=f"{name}.csv")
    (message, row) = found[0]
    assert len(found) == 1
    assert message.startswith(
        "event subscription datasets takes the events of container datasets, not of azureml-blobstore-"
    )
    assert row == "there is no run"
