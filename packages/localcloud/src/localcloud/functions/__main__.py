"""`python -m localcloud.functions --app DIR --port 7071 --keys KEYS.json`: serve a function app.

The app's settings are the environment variables of this process. The host listens on loopback only and
prints its address to stdout. It exits with 0 on SIGTERM or SIGINT, and with 1, and the reason on stderr, if
the app cannot be served.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from localcloud.functions import hostjson, keys, logs
from localcloud.functions.app import load, worker_for
from localcloud.functions.worker import AppLoadError, debugging

log = logging.getLogger("Host.Startup")

GRACE_SECONDS = 5
BACKLOG = 512


class Server(uvicorn.Server):
    """uvicorn, except that it does not raise the signal again that asked it to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self.handle_exit, signal_, None)
        yield


class StartError(Exception):
    """The host cannot start; the text says what to do."""


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        asyncio.run(serve(options.app.resolve(), options.host, options.port, options.keys.resolve()))
    except AppLoadError as error:
        print(f"{error}\nNo job functions found.", file=sys.stderr)
        return 1
    except (StartError, hostjson.HostJsonError, keys.KeysError, logs.LogLevelError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localcloud.functions", description="Serve a function app."
    )
    parser.add_argument("--app", type=Path, required=True, help="folder with host.json and function_app.py")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--keys", type=Path, required=True, help="file of the app's keys; made when missing")
    return parser


async def serve(app: Path, host: str, port: int, key_file: Path) -> None:
    settings = hostjson.read(app)
    worker = worker_for(app, settings)
    logs.configure(settings.log_levels, worker.function_of, debugging())
    with listener(host, port) as listening:
        origin = f"http://{host}:{listening.getsockname()[1]}"
        served = await load(worker, settings, keys.load(key_file), origin)
        config = uvicorn.Config(
            served.web,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_SECONDS,
            backlog=BACKLOG,
        )
        served.start()
        listening.listen(BACKLOG)
        log.info("Now listening on: %s", origin)
        await Server(config).serve(sockets=[listening])
        log.info("Application is shutting down...")
        await served.stop(GRACE_SECONDS)


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


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A function that blocks in a thread cannot be stopped, and a normal exit would wait for it.
    os._exit(code)
