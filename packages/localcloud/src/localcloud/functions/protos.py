"""The messages between the Functions host and the Python worker, with the fields that the worker reads.

The worker library (azure-functions-runtime) takes a namespace of message classes; it only instantiates them,
reads their fields and calls `WhichOneof`. In Azure these are the protobuf classes of FunctionRpc.proto. Plain
classes are enough here: the worker runs in the host's process, so no message is serialized.
"""

from types import SimpleNamespace
from typing import Any


class Message(SimpleNamespace):
    """A message, with the fields that it was made with."""


class TypedData:
    """One value and its kind (`string`, `bytes`, `json`, `http`, …), or no value."""

    def __init__(self, **value: Any) -> None:
        self.kind: str | None = next(iter(value), None)
        self.value: Any = value.get(self.kind) if self.kind else None
        self.__dict__.update(value)

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 - protobuf's name
        return self.kind


class ParameterBinding(Message):
    """The value of one parameter."""

    name: str
    data: TypedData

    def WhichOneof(self, _: str) -> str:  # noqa: N802 - protobuf's name
        return "data"


class StatusResult(Message):
    Failure = 0
    Success = 1


class BindingInfo(Message):
    undefined = 0
    out = 1
    inout = 2


class SameSite:
    Lax = 1
    Strict = 2
    ExplicitNone = 3


# None is a keyword, so it cannot be assigned in the class body.
setattr(SameSite, "None", 0)


class RpcHttpCookie(Message):
    SameSite = SameSite


PROTOS = SimpleNamespace(
    BindingInfo=BindingInfo,
    FunctionLoadResponse=Message,
    FunctionMetadataResponse=Message,
    InvocationResponse=Message,
    NullableBool=Message,
    NullableDouble=Message,
    NullableString=Message,
    NullableTimestamp=Message,
    ParameterBinding=ParameterBinding,
    RpcException=Message,
    RpcFunctionMetadata=Message,
    RpcHttp=Message,
    RpcHttpCookie=RpcHttpCookie,
    RpcRetryOptions=Message,
    StatusResult=StatusResult,
    TypedData=TypedData,
    WorkerInitResponse=Message,
    WorkerMetadata=Message,
)
