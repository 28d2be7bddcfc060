"""The web server of a host's process: a loopback listener that a restart in place hands on."""

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

GRACE_SECONDS = 5
BACKLOG = 512
LINGER_SECONDS = 0.1
"""How long the request of a client that has just connected may be on its way."""
LISTENER = "LOCALCLOUD_LISTENER"
"""The variable with the file descriptor of the listener that the process before this one left."""


class StartError(Exception):
    """The host cannot start; the text says what to do."""


class Server(uvicorn.Server):
    """uvicorn, except that it does not raise the signal again that asked it to stop."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=GRACE_SECONDS,
                backlog=BACKLOG,
            )
        )

    async def accept_no_more(self) -> None:
        """Leave new connections in the listener's queue; return when those made before have been heard."""
        for each in self.servers:
            each.close()
        await asyncio.sleep(LINGER_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self.handle_exit, signal_, None)
        yield


def listener(host: str, port: int) -> socket.socket:
    """Return a socket bound to that address. Raises StartError if it is not loopback or already in use."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise StartError(f"--host {host} is not a loopback address; this host serves its own machine only")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only if the protocol is named; otherwise each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise StartError(
            f"port {port} of {host} cannot be used ({error.strerror}); end what uses it or name another port"
        ) from None
    return listening


def inherited() -> socket.socket | None:
    """The listener that this process had before it restarted in place, or None at its first start."""
    descriptor = os.environ.pop(LISTENER, "")
    if not descriptor:
        return None
    # asyncio reads the protocol from the object, which a descriptor alone does not tell.
    given = socket.socket(fileno=int(descriptor))
    listening = socket.socket(given.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, given.detach())
    listening.set_inheritable(False)
    return listening


def hand_on(listening: socket.socket) -> dict[str, str]:
    """Let the next program of this process have the listener; returns the variable that names it.

    Connections made in between wait in the listener's queue, so that no client is refused.
    """
    kept = listening.dup()
    kept.set_inheritable(True)
    return {LISTENER: str(kept.detach())}
