"""Calls to the engine from its own process, without gRPC in between."""

from collections.abc import Callable
from typing import NoReturn

import grpc


class EngineError(Exception):
    """The engine refused a call: what a gRPC client would see as an RpcError."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class DirectCall:
    """Stands where the engine's methods expect the gRPC call that they serve."""

    def __init__(self, active: Callable[[], bool] = lambda: True) -> None:
        self.is_active = active

    def abort(self, code: grpc.StatusCode, message: str) -> NoReturn:
        raise EngineError(code, message)

    def time_remaining(self) -> float | None:
        return None
