"""The wait for a person's decision, where a run needs one before it promotes its deployment."""

from datetime import timedelta

from durabletask import task

from orchestrators.run_context import RunContext, Workflow
from orchestrators.stages import Stage
from runs.contracts import LONGEST_COMMENT, Approval, Champion, Gate, RunSettings


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
    """Enter the stage approve and wait for an event `decision`, at most `limit`.

    why: what the record and the custom status give as the reason.

    An event counts only if it is about this wait, see `approval_of`; others are ignored. Once there is a
    decision, or the time is up, the run can no longer be cancelled. Raises RunStoppedError if it is cancelled
    before.
    """
    run.enter(Stage.APPROVE)
    run.update(approval_reason=why)
    since = run.record.stages[-1].started
    timer = run.ctx.create_timer(limit)
    approval = None
    while approval is None:
        event = run.ctx.wait_for_external_event("decision")
        yield task.when_any([event, run.cancelled, timer])
        if run.cancelled.is_complete:
            timer.cancel()
        run.check_cancelled()
        if event.is_complete:
            approval = approval_of(event.get_result(), since)
        else:
            approval = Approval("timed_out", "", run.timestamp())
    timer.cancel()
    run.commit()
    run.update(approval=approval)
    return approval


def approval_of(event: object, since: str) -> Approval | None:
    """The approval or rejection in an event `decision`; None if the event is malformed or about another wait.

    Anyone can raise an event. since: when the wait began. Only someone who has seen the run wait knows it, so
    nothing can be approved before it can be reviewed.
    """
    if not isinstance(event, dict) or event.get("since") != since:
        return None
    approved = event.get("approved")
    by, at, comment = event.get("by"), event.get("at"), event.get("comment", "")
    if not isinstance(approved, bool) or not (_is_short(by) and _is_short(at) and _is_short(comment)):
        return None
    return Approval("approved" if approved else "rejected", str(by), str(at), str(comment))


def _is_short(text: object) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST_COMMENT
