"""read_decision, read_cancel: what people decided about a run.

The HTTP function that authenticated a person has written it to storage. The event that it raised afterwards
only wakes the run: anyone who has the key of the durable API can raise one.
"""

from activities.registration import activity
from runs.steps import CancelInput, Cancellation, Decision, DecisionInput
from services import run_files
from services.clients import Clients


@activity
def read_decision(wait: DecisionInput, clients: Clients) -> Decision:
    """The decision in this wait of a run, if there is one."""
    return Decision(run_files.decision_of(wait.run_id, wait.since, clients))


@activity
def read_cancel(run: CancelInput, clients: Clients) -> Cancellation:
    """Who has cancelled a run, if anyone has."""
    return Cancellation(run_files.cancel_of(run.run_id, clients))
