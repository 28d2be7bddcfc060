"""Serve a function app, or the site of a cloud:

    python -m localcloud.functions --app DIR --port 7071 --keys KEYS.json
    python -m localcloud.functions --site SITE.json --port 7071 --keys KEYS.json

With --app, the app's settings are the environment variables of this process, and it exits with 1, and the
reason on stderr, if the app cannot be served; with --list it only prints the app's functions. About --site:
localcloud.functions.specialized. The host listens on loopback only and prints its address to stdout. It
exits with 0 on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from localcloud.functions import hostjson, keys, logs
from localcloud.functions.admin import describe
from localcloud.functions.app import load, worker_for
from localcloud.functions.server import BACKLOG, GRACE_SECONDS, Server, StartError, listener
from localcloud.functions.specialized import Program, serve_site
from localcloud.functions.worker import AppLoadError, debugging

log = logging.getLogger("Host.Startup")


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    program = Program.now()
    key_file = options.keys.resolve()
    try:
        if options.list:
            asyncio.run(print_functions(options.app.resolve()))
        elif options.app:
            asyncio.run(serve(options.app.resolve(), options.host, options.port, key_file))
        else:
            again = asyncio.run(serve_site(options.site.resolve(), options.host, options.port, key_file))
            if again is not None:
                program.run_again(again)
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
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--app", type=Path, help="folder with host.json and function_app.py")
    what.add_argument("--site", type=Path, help="file of the site, which the cloud writes")
    parser.add_argument("--list", action="store_true", help="print the functions of --app as JSON, and end")
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
        served.start()
        listening.listen(BACKLOG)
        log.info("Now listening on: %s", origin)
        await Server(served.web).serve(sockets=[listening])
        log.info("Application is shutting down...")
        await served.stop(GRACE_SECONDS)


async def print_functions(app: Path) -> None:
    """Print the functions of `app` as JSON in the last line of stdout. Raises AppLoadError."""
    worker = worker_for(app, hostjson.read(app))
    print(json.dumps([describe(function) for function in await worker.load()]))


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A function that blocks in a thread cannot be stopped, and a normal exit would wait for it.
    os._exit(code)
