"""Calls to the engine from within its process, without gRPC."""

from collections.abc import Callable
from typing import NoReturn

import grpc


class EngineError(Exception):
    """The engine refused a call; a gRPC client would get an RpcError instead."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class DirectCall:
    """Takes the place of the gRPC context that the engine's methods expect."""

    def __init__(self, active: Callable[[], bool] = lambda: True) -> None:
        self.is_active = active

    def abort(self, code: grpc.StatusCode, message: str) -> NoReturn:
        raise EngineError(code, message)

    def time_remaining(self) -> float | None:
        return None
