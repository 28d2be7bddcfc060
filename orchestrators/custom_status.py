"""The custom status of a run's orchestration: what can be seen of a run while it lasts.

The host fails an orchestration whose custom status needs more than 16 KB in UTF-16: nothing would be cleaned
up, and no record of the end be written. So a custom status is cut until it fits, whatever texts are in it.
"""

import json
from dataclasses import replace
from typing import Any

from runs.contracts import Json, to_json
from runs.findings import Gate
from runs.record import Approval, RunRecord
from runs.text import shorten_json

LONGEST_STATUS = 7_500
"""Characters of a custom status as JSON.

The host takes 8192 UTF-16 code units (ValidateCustomStatusSize in the Durable extension's
RemoteOrchestratorContext.cs, from 3.14.0). The worker's JSON is ASCII: one unit for each character.
"""
CUTS = (
    ("notes", 60),
    ("gate", 150),
    ("waiting_for", 300),
    ("approval_reason", 300),
    # No valid name of a model, an endpoint or a compute is as long: only other texts are cut.
    ("settings", 256),
    ("dataset", 200),
    ("task", 60),
    ("algorithm", 60),
    ("mlflow_run_id", 60),
    ("metrics", 30),
    ("gate", 50),
    ("waiting_for", 100),
    ("approval_reason", 100),
)
"""What is cut of a custom status that is too long, in this order until it fits: a field, and the characters
of JSON that each of its texts may keep. The fields that people and programs act on are not among them."""


def custom_status(record: RunRecord, can_cancel: bool, waiting_for: str = "") -> Json:
    """The custom status of the orchestration of a run that is in a stage; docs/runs.md describes it.

    Long texts are cut, so that it has at most LONGEST_STATUS characters; the record holds them in full.
    """
    stage = record.stages[-1]
    return _fitting(
        {
            "stage": stage.name,
            "since": stage.started,
            "dataset": record.dataset[:200],
            "etag": record.upload.etag,
            "uploaded_at": record.upload.uploaded_at,
            "pipeline_run_id": record.pipeline_run_id,
            "mlflow_run_id": record.mlflow_run_id,
            "model": f"{record.model_name}:{record.model_version}" if record.model_version else "",
            "endpoint": record.endpoint,
            "deployment": record.deployment,
            "settings": to_json(record.settings) if record.settings else None,
            "metrics": record.metrics,
            "task": record.task or (record.settings.task if record.settings else ""),
            "algorithm": record.algorithm,
            "verdict": record.verdict,
            "gate": _short_gate(record.gate),
            "notes": [shorten_json(note, 200) for note in record.notes[:5]],
            "report": record.report,
            "approval": _short_approval(record.approval),
            "approval_reason": shorten_json(record.approval_reason, 1000),
            "stages": [to_json(each) for each in record.stages],
            "can_cancel": can_cancel,
            "waiting_for": shorten_json(waiting_for, 1000),
        }
    )


def _short_gate(gate: Gate | None) -> Json | None:
    if gate is None:
        return None
    champion = gate.champion
    if champion is not None:
        champion = replace(
            champion, model=shorten_json(champion.model, 300), error=shorten_json(champion.error, 400)
        )
    reasons = [shorten_json(each, 500) for each in gate.reasons[:3]]
    return to_json(replace(gate, reasons=reasons, champion=champion))


def _short_approval(approval: Approval | None) -> Json | None:
    if approval is None:
        return None
    return to_json(replace(approval, by=shorten_json(approval.by, 300), comment=""))


def _fitting(status: Json) -> Json:
    """`status`, with as many of CUTS applied as it takes to fit."""
    for field, longest in CUTS:
        if len(json.dumps(status)) <= LONGEST_STATUS:
            break
        status = status | {field: _cut(status[field], longest)}
    return status


def _cut(value: Any, longest: int) -> Any:
    """`value` with each text in it cut to `longest` characters of JSON, and without entries of longer names.

    A name is not cut: it would be another name.
    """
    match value:
        case str():
            return shorten_json(value, longest)
        case list():
            return [_cut(each, longest) for each in value]
        case dict():
            return {
                name: _cut(each, longest)
                for name, each in value.items()
                if len(json.dumps(name)) - 2 <= longest
            }
        case _:
            return value
