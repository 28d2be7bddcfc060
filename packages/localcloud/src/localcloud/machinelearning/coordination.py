"""What the driver of a batch deployment needs before it scores: a table and queues.

Azure's driver, Parallel Run Step, hands out mini-batches through a table and queues of the workspace's
default storage account, as the identity of the cluster. Without a role for both it exits with 42; the user's
log stays empty, and only a log of the system says why. Sources: "Disable shared key access for your
workspace's storage account", "Scenarios for role assignments"; MicrosoftDocs/azure-docs#102446 for the words.

A cluster without a user-assigned identity works as the caller, whose roles are not checked.
"""

from collections.abc import Iterable
from pathlib import Path

from localcloud.access.calls import Call
from localcloud.access.decisions import Refused
from localcloud.grants import Grants
from localcloud.identities import Principal

_ACCOUNT = "Microsoft.Storage/storageAccounts"
NEEDED = {
    "table": f"{_ACCOUNT}/tableServices/tables/write",
    "queue": f"{_ACCOUNT}/queueServices/queues/write",
}
"""The operation that makes each."""


def refused(grants: Grants, identities: Iterable[Principal], account: str) -> str:
    """What the cluster's identities may not make in the storage account: "table", "queue" or ""."""
    for identity in identities:
        for what, operation in NEEDED.items():
            if isinstance(grants.decide(Call(identity.object_id, operation, account)), Refused):
                return what
    return ""


def log_refusal(logs: Path, what: str, run: str) -> None:
    """Write the logs of a driver that could not make its table or its queues."""
    for name in ("user", "sys"):
        (logs / name).mkdir(parents=True, exist_ok=True)
    (logs / "user" / "error.txt").write_text("")
    words = f"Failed to create {what} 'prs{run.replace('-', 'x')}job' due to authorization failure."
    (logs / "sys" / "error.txt").write_text(f'The master role failed. [AccessError("{words}")]\n')
