"""Write the table of docs/localcloud.md that says which role assignments localcloud proves.

    python -m scripts.proven_roles [--check]

A proof (tests/integration/roles) takes the assignment away in a running cloud, sees the one call refused with
a message that names role and scope, puts it back, and sees the call work. Only the text between the markers
is replaced; --check writes nothing and exits with 1 if it is out of date.
"""

import sys

from scripts.assigned_roles import Assigned, assignments
from scripts.bicep_compiler import ROOT
from scripts.document_roles import IDENTITIES

DOCUMENT = ROOT / "docs" / "localcloud.md"
BEGIN, END = "<!-- proven roles -->", "<!-- end of proven roles -->"
IDENTITY_SOURCE = (
    'Azure ML, "Set up authentication between Azure Machine Learning and other services",'
    " user-assigned identity of a workspace"
)
PARALLEL_SOURCE = "MicrosoftDocs/azure-docs#102446"
HOST_SOURCE = 'Azure Functions, "Connecting to host storage with an identity"'
DURABLE_SOURCE = 'Durable Functions, "Configure Durable Functions with managed identity"'
FILES_SOURCE = 'Azure ML, "Secure batch endpoints": batch deployments need blob, file, queue and table'

PROVEN = {
    "appGivesClustersTheirIdentity": "the app makes a cluster with the identity",
    "appRegistersDeploysAndScores": "the app makes an endpoint",
    "appMakesClusters": "the app makes a cluster",
    "appReadsAndWritesRuns": "the app claims a run and reads its record",
    "appReadsTrainingLogs": "the app reads the stderr of a training that failed; its log has the refusal",
    "appReadsScoringLogs": "the app reads the error.txt of a job that failed; its log has the refusal",
    "appRunsPipelines": "the app starts a pipeline run",
    "appTellsOthers": "the app publishes an event",
    "trainingOwnsDataAccount": "Data Factory stages the files of a task; the node copies them; the trainer"
    " uploads a model",
    "trainingUsesDataAccount": "the same, and a training with the narrow roles alone",
    "trainingManagesBatch": "Data Factory submits a task",
    "trainingSubmitsTasks": "the same, and a training with the narrow roles alone",
    "trainingReadsStorageKey": "Data Factory reads the key for its linked service",
    "trainingReadsBatchKey": "Data Factory reads the key for its linked service",
    "scoringUsesBlobs": "a scoring job reads model and input",
    "scoringReadsAndWritesData": "a scoring job reads model and input",
    "scoringWritesLogs": "a scoring job writes its logs",
    "scoringKeepsTasksInTables": "a scoring job makes and uses its table",
    "scoringHandsOutTasksInQueues": "a scoring job makes and uses its queue",
    "workspaceReadsAndWritesBlobs": "the workspace reads the model that is deployed",
    "eventsKeepDeadLetters": "Event Grid writes a dead letter; the cloud's log has the refusal",
    "publisherPublishesTrainer": "`touchdown up` publishes the trainer",
    "uploadersUpload": "`touchdown upload` uploads a dataset",
}
"""By name of an assignment, the call that is refused without it."""
NOT_PROVEN = {
    "hostKeepsCodeKeysAndState": ("localcloud's host keeps keys and state itself", HOST_SOURCE),
    "hostQueuesWork": ("localcloud's durable engine works in memory", DURABLE_SOURCE),
    "hostKeepsHistory": ("localcloud's durable engine works in memory", DURABLE_SOURCE),
    "appSendsTelemetry": (
        "nothing receives telemetry here",
        'Azure Monitor, "Microsoft Entra authentication for Application Insights"',
    ),
    "scoringPullsImages": ("there is no registry, and there are no images", IDENTITY_SOURCE),
    "scoringPushesImages": ("there is no registry, and there are no images", IDENTITY_SOURCE),
    "scoringReadsAndWritesFiles": ("Azurite has no file shares", FILES_SOURCE),
    "workspaceManagesStorage": ("Azure ML does it inside Azure", IDENTITY_SOURCE),
    "workspaceReadsAndWritesFiles": ("Azurite has no file shares", IDENTITY_SOURCE),
    "workspaceKeepsTasksInTables": (
        "one user saw the workspace's identity asked; here it is the cluster's",
        PARALLEL_SOURCE,
    ),
    "workspaceHandsOutTasksInQueues": (
        "one user saw the workspace's identity asked; here it is the cluster's",
        PARALLEL_SOURCE,
    ),
    "workspaceManagesVault": ("Azure ML does it inside Azure", IDENTITY_SOURCE),
    "workspaceKeepsSecrets": ("Azure ML does it inside Azure", IDENTITY_SOURCE),
    "workspaceManagesRegistry": ("there is no registry, and there are no images", IDENTITY_SOURCE),
    "workspaceManagesInsights": ("Azure ML does it inside Azure", IDENTITY_SOURCE),
    "workspaceManagesItself": ("Azure ML does it inside Azure", IDENTITY_SOURCE),
}
"""By name of an assignment whose caller does not run here: why, and where the need for it is from."""


def row(each: Assigned) -> str:
    when = f" (`{each.when}`)" if each.when else ""
    if each.name in PROVEN:
        here = f"proven: {PROVEN[each.name]}"
    else:
        why, source = NOT_PROVEN[each.name]
        here = f"not proven here: {why}. Source: {source}"
    return f"| {IDENTITIES[each.identity]} | {each.role} on {each.scope}{when} | {here} |"


def table() -> str:
    """The table. Raises KeyError for an assignment of which nothing is said."""
    order = list(IDENTITIES)
    found = sorted(assignments().values(), key=lambda each: (order.index(each.identity), each.name))
    return "\n".join(["| who | role | on localcloud |", "| --- | --- | --- |", *map(row, found)])


def filled(text: str) -> str:
    """`text` with the table generated anew. Raises ValueError if a marker is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> int:
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = filled(text)
    if wanted == text:
        return 0
    if "--check" in sys.argv:
        print(f"{DOCUMENT.relative_to(ROOT)} is out of date: run python -m scripts.proven_roles")
        return 1
    DOCUMENT.write_text(wanted, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
