"""Logs to stdout, filtered by the categories and levels of host.json.

    2026-11-23T15:18:01.123Z Information Function.hello.User reading iris.csv [9f0c…]

As in Azure, an app's own records, while one of its functions runs, have the category `Function.<name>.User`;
the host's records about the function have `Function.<name>`; and the longest matching category of host.json's
logging.logLevel decides. The worker library's records have `Host.Worker` and are off by default.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from azure_functions_runtime import invocation_id_cv

from localcloud import log_lines

LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
NAMES = {
    logging.DEBUG: "Debug",
    logging.INFO: "Information",
    logging.WARNING: "Warning",
    logging.ERROR: "Error",
    logging.CRITICAL: "Critical",
}
DEFAULTS = {
    "default": "Information",
    "Host.Worker": "Warning",
    "Host.Http": "Warning",
    "Host.Engine": "Warning",
}
# Loggers of the libraries that run an app, as opposed to the app's own.
MACHINERY = {"azure.functions": "Host.Worker", "uvicorn": "Host.Http", "durabletask.testing": "Host.Engine"}

FunctionOf = Callable[[str], str | None]


class LogLevelError(ValueError):
    """host.json names a log level that does not exist."""


class Categories:
    """Gives each record its category, and drops those that host.json's levels exclude."""

    def __init__(self, levels: Mapping[str, str], function_of: FunctionOf) -> None:
        self._function_of = function_of
        self._levels = {category.lower(): _level(name) for category, name in {**DEFAULTS, **levels}.items()}

    def filter(self, record: logging.LogRecord) -> bool:
        invocation = invocation_id_cv.get()
        function = self._function_of(invocation) if invocation else None
        category = self._category(record.name, function)
        record.__dict__.update(category=category, invocation=invocation if function else None)
        return record.levelno >= self._threshold(category)

    def _category(self, logger: str, function: str | None) -> str:
        if logger.startswith(("Host.", "Function.")):
            return logger
        for name, category in MACHINERY.items():
            if logger == name or logger.startswith(f"{name}."):
                return category
        return f"Function.{function}.User" if function else f"Worker.{logger}"

    def _threshold(self, category: str) -> int:
        parts = category.lower().split(".")
        for length in range(len(parts), 0, -1):
            level = self._levels.get(".".join(parts[:length]))
            if level is not None:
                return level
        return self._levels["default"]


class Lines(log_lines.Lines):
    """Formats a record as one line, followed by its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level = NAMES.get(record.levelno, record.levelname)
        category = getattr(record, "category", record.name)
        # The host's own messages about an invocation already contain its id.
        invocation = getattr(record, "invocation", None) if category.endswith(".User") else None
        suffix = f" [{invocation}]" if invocation else ""
        line = f"{time} {level} {category} {log_lines.lines(record.getMessage())}{suffix}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(levels: Mapping[str, str], function_of: FunctionOf, debug: bool) -> None:
    """Send all log records of this process to stdout. Raises LogLevelError.

    debug: whether PYTHON_ENABLE_DEBUG_LOGGING is on. Without it the worker drops records below Information,
    whatever host.json says, as in Azure.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Lines())
    handler.addFilter(Categories(levels, function_of).filter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.captureWarnings(True)


def _level(name: str) -> int:
    try:
        return LEVELS[name.lower()]
    except KeyError:
        known = ", ".join(level.capitalize() for level in LEVELS)
        raise LogLevelError(f'log level "{name}" does not exist; use one of {known}') from None
