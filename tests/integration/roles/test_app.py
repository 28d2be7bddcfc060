"""Without its role, each call of the app is refused, in words that say what to do; with it, it works."""

from collections.abc import Callable

import pytest

from activities.lifecycle_events import publish_event
from activities.provisioning import ensure_compute, ensure_endpoint
from activities.training import cancel_training, start_training
from runs import naming
from runs.contracts import RunRequest, Upload
from runs.steps import CleanUp, LifecycleEvent, PolledStep
from services import run_store
from services.clients import Clients
from tests.integration.roles.stage import Stage, check_refusal, order_of, proves, refusal, told_of

pytestmark = pytest.mark.integration


def upload_of(unique: str, clients: Clients) -> Upload:
    moment = "2026-05-01T00:00:00.000000Z"
    return Upload(clients.settings.container, f"datasets/{unique}.csv", f"0x{unique}", moment)


def make_cluster(unique: str, stage: Stage) -> None:
    upload = upload_of(unique, stage.clients)
    ensure_compute(PolledStep(*told_of(stage, upload, compute_name=f"c{unique}"[:16])), stage.clients)


def make_endpoint(unique: str, stage: Stage) -> None:
    endpoint = naming.endpoint_name(unique, stage.clients.settings.workspace_id)
    told = told_of(stage, upload_of(unique, stage.clients), endpoint_name=endpoint, model_name=unique)
    ensure_endpoint(PolledStep(*told), stage.clients)


def claim_run(unique: str, stage: Stage) -> None:
    clients = stage.clients
    upload = upload_of(unique, clients)
    id_ = naming.run_id(upload.container, upload.path, upload.etag)
    run_store.claim(RunRequest(id_, upload, {}, "event", "2026-05-01T00:00:00Z"), clients)
    assert run_store.read(id_, clients) is not None


def start_pipeline(unique: str, stage: Stage) -> None:
    order = order_of(stage, upload_of(unique, stage.clients))
    started = start_training(order, stage.clients)
    cancel_training(CleanUp(order.run_id, order.etag, started.pipeline_run_id), stage.clients)


def tell_others(unique: str, stage: Stage) -> None:
    publish_event(LifecycleEvent("RunStarted", unique, {}), stage.clients)


CALLS: dict[str, Callable[[str, Stage], None]] = {
    "appGivesClustersTheirIdentity": make_cluster,
    "appMakesClusters": make_cluster,
    "appRegistersDeploysAndScores": make_endpoint,
    "appReadsAndWritesRuns": claim_run,
    "appRunsPipelines": start_pipeline,
    "appTellsOthers": tell_others,
}


@proves(*CALLS)
@pytest.mark.parametrize("name", CALLS)
def test_without_its_role_the_app_is_refused_and_says_which_it_lacks(
    stage: Stage, unique: str, name: str
) -> None:
    with stage.assignments.without(name) as taken:
        words = refusal(lambda: CALLS[name](unique, stage))
    check_refusal(words, name, taken)
    assert refusal(lambda: CALLS[name](unique, stage)) == ""
