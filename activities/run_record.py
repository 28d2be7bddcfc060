"""record_run: writes down what a run did and how it ended."""

from activities.registration import activity
from runs.contracts import Done, RunRecord
from services import run_store
from services.clients import Clients


@activity
def record_run(record: RunRecord, clients: Clients) -> Done:
    """Write app/runs/<run id>/run.json: what the run did and how it ended. It is the last write of a run.

    Raises RefusedError RunEnded if the record already holds another end. An engine may execute a finished run
    id again, and the outcome of that execution (in an outage, say) is not the outcome of the run.
    """
    claim = run_store.read(record.run_id, clients)
    if claim is not None and claim.record.status not in ("Running", record.status):
        raise run_store.ended_error(claim.record)
    run_store.write(record, clients)
    return Done()
