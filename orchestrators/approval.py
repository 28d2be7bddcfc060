"""The wait for a person's decision, where a run needs one before it promotes its deployment."""

from datetime import timedelta

from durabletask import task

from orchestrators.run_context import RunContext, Workflow
from orchestrators.stages import Stage
from runs.contracts import RunSettings
from runs.findings import Gate
from runs.record import Approval
from runs.steps import Champion, Decision, DecisionInput


def why_approval(settings: RunSettings, champion: Champion, gate: Gate) -> str:
    """Why a run may not promote its deployment without a decision; "" if it may.

    A model that was not compared with the champion has shown less than any other: whatever keeps the two from
    being compared (another label, a column that is gone) may have been uploaded for that purpose.
    """
    if settings.approval == "required":
        return "the setting approval is required"
    compared = gate.champion
    if not champion.model or (compared and compared.interval) or settings.uncompared_champion == "replace":
        return ""
    why = compared.error if compared else "it is no model of this app, or it was deleted"
    return f"the model was not compared with the champion {champion.model}: {why}"


def wait_for_decision(run: RunContext, limit: timedelta, why: str) -> Workflow[Approval]:
    """Enter the stage approve and wait for a decision, at most `limit`.

    why: what the record and the custom status give as the reason.

    The event `decision` only wakes the run, because anyone who has the key of the durable API can raise one.
    The decision is read in storage, where the HTTP function that authenticated a person has written it. Once
    there is one, or the time is up, the run can no longer be cancelled. Raises RunStoppedError if it is
    cancelled before.
    """
    run.enter(Stage.APPROVE)
    run.update(approval_reason=why)
    # A decision is about this wait: nothing can be approved before it can be reviewed.
    wait = DecisionInput(run.request.run_id, run.record.stages[-1].started)
    timer = run.ctx.create_timer(limit)
    raised = run.ctx.wait_for_external_event("decision")
    approval = None
    while approval is None:
        yield task.when_any([raised, run.cancel_raised, timer])
        is_late = timer.is_complete
        yield from run.hear()
        if run.cancel is not None:
            timer.cancel()
        run.check_cancelled()
        while raised.is_complete:
            raised = run.ctx.wait_for_external_event("decision")
        found = yield from run.call("read_decision", wait, Decision)
        approval = found.approval
        if approval is None and is_late:
            approval = Approval("timed_out", "", run.timestamp())
    timer.cancel()
    run.commit()
    run.update(approval=approval)
    return approval
