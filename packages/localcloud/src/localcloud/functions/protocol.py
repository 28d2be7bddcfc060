"""The encoding of durable work between the Durable extension and the Python worker.

Orchestrator and entity triggers take and return a protobuf message as base64 text; activities take and return
JSON. Source: azure.durable_functions (worker.py, internal/converters.py).
"""

import base64

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb

from localcloud.functions import failures

CUSTOM_STATUS_LIMIT = 16 * 1024
"""Bytes of a custom status as JSON in UTF-16, which takes two or four for a character.

Source: ValidateCustomStatusSize in the Durable extension's RemoteOrchestratorContext.cs (pull request 3113,
from 3.14.0).
"""


def orchestrator_name(request: pb.OrchestratorRequest) -> str:
    """Return the name of the orchestrator to run, which the last executionStarted event gives."""
    started = [
        event for event in [*request.pastEvents, *request.newEvents] if event.HasField("executionStarted")
    ]
    return str(started[-1].executionStarted.name)


def text(message: pb.OrchestratorRequest | pb.EntityBatchRequest) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def orchestrator_response(returned: str, instance_id: str, completion_token: str) -> pb.OrchestratorResponse:
    """Decode the worker's response for a turn; it becomes a failure if its custom status is too long."""
    response: pb.OrchestratorResponse = pb.OrchestratorResponse.FromString(base64.b64decode(returned))
    size = len(response.customStatus.value.encode("utf-16-le"))
    if size > CUSTOM_STATUS_LIMIT:
        limit, actual = CUSTOM_STATUS_LIMIT // 1024, size / 1024
        message = f"CustomStatus is too large: limit = {limit} KB (UTF-16), actual = {actual:,.2f} KB."
        why = failures.details("System.ArgumentException", message)
        return failed_orchestration(instance_id, completion_token, why)
    response.instanceId = instance_id
    response.completionToken = completion_token
    return response


def failed_orchestration(
    instance_id: str, completion_token: str, why: pb.TaskFailureDetails
) -> pb.OrchestratorResponse:
    action = helpers.new_complete_orchestration_action(
        -1, pb.ORCHESTRATION_STATUS_FAILED, None, failure_details=why
    )
    return pb.OrchestratorResponse(instanceId=instance_id, actions=[action], completionToken=completion_token)


def activity_response(
    request: pb.ActivityRequest, completion_token: str, result: str | pb.TaskFailureDetails | None
) -> pb.ActivityResponse:
    response = pb.ActivityResponse(
        instanceId=request.orchestrationInstance.instanceId,
        taskId=request.taskId,
        completionToken=completion_token,
    )
    if isinstance(result, str):
        response.result.value = result
    elif result is not None:
        response.failureDetails.CopyFrom(result)
    return response


def entity_result(
    returned: str, infos: list[pb.OperationInfo], completion_token: str
) -> pb.EntityBatchResult:
    result = pb.EntityBatchResult.FromString(base64.b64decode(returned))
    return addressed(result, infos, completion_token)


def failed_entity(
    request: pb.EntityBatchRequest,
    infos: list[pb.OperationInfo],
    completion_token: str,
    why: pb.TaskFailureDetails,
) -> pb.EntityBatchResult:
    """Return a result in which every operation failed for the same reason and the state is unchanged."""
    failure = pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=why))
    result = pb.EntityBatchResult(
        results=[failure] * len(request.operations), entityState=request.entityState
    )
    return addressed(result, infos, completion_token)


def addressed(
    result: pb.EntityBatchResult, infos: list[pb.OperationInfo], completion_token: str
) -> pb.EntityBatchResult:
    """Return the result with the recipient of each operation's response, which the worker does not know."""
    result.completionToken = completion_token
    del result.operationInfos[:]
    result.operationInfos.extend(infos)
    return result
