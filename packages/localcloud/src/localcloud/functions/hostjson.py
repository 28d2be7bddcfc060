"""host.json: an app's settings for its host, with the host's defaults for what the file leaves out.

App settings of the form `AzureFunctionsJobHost__logging__logLevel__default` override the file, as in Azure.
Source: host.json reference of Azure Functions 4; DurableTaskOptions.cs of the Durable extension.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from localcloud.functions.bundles import Bundle, bundle

OVERRIDE = "AzureFunctionsJobHost__"
DEFAULT_TIMEOUT = "00:30:00"
PER_CORE = 10
OVERRIDABLE = ("NonRunningStates", "AnyState")
TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+)(?::(?P<seconds>\d+(?:\.\d+)?))?")


class HostJsonError(Exception):
    """host.json has a value that this host cannot use."""


@dataclass(frozen=True)
class HostSettings:
    """function_timeout: None means no limit. throw_on_raise: None leaves it to the storage provider.

    bundle: None if the app asks for no extension bundle.
    """

    route_prefix: str = "api"
    function_timeout: timedelta | None = timedelta(minutes=30)
    task_hub: str = "TestHubName"
    connection: str = "Storage"
    max_activities: int = PER_CORE
    max_orchestrators: int = PER_CORE
    max_entities: int = PER_CORE
    replaces_running: bool = False
    throw_on_raise: bool | None = None
    max_message_bytes: int = 4 * 1024 * 1024
    log_levels: Mapping[str, str] = field(default_factory=dict)
    bundle: Bundle | None = None


def read(app: Path, environment: Mapping[str, str] = os.environ) -> HostSettings:
    """Read the settings of the app in this folder. Raises HostJsonError, naming the file and the value."""
    path = app / "host.json"
    if not path.is_file():
        raise HostJsonError(f'{path} is missing; a function app needs one, at least {{"version": "2.0"}}')
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise HostJsonError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise HostJsonError(f'{path} must be an object with "version": "2.0"')
    override(content, environment)
    try:
        return settings(content, environment)
    except (AttributeError, TypeError, ValueError) as error:
        raise HostJsonError(f"{path}: {error}") from None


def override(content: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        if not name.startswith(OVERRIDE):
            continue
        *parents, last = name.removeprefix(OVERRIDE).split("__")
        section = content
        for parent in parents:
            section = section.setdefault(_key(section, parent), {})
        section[_key(section, last)] = value


def settings(content: dict[str, Any], environment: Mapping[str, str]) -> HostSettings:
    extensions = content.get("extensions", {})
    durable = extensions.get("durableTask", {})
    provider = durable.get("storageProvider", {})
    default_limit = PER_CORE * (os.process_cpu_count() or 1)
    return HostSettings(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api").strip("/"),
        function_timeout=time_span(str(content.get("functionTimeout", DEFAULT_TIMEOUT))),
        task_hub=resolve(durable.get("hubName", "TestHubName"), environment),
        connection=provider.get("connectionName") or provider.get("connectionStringName") or "Storage",
        max_activities=_limit(durable, "maxConcurrentActivityFunctions", default_limit),
        max_orchestrators=_limit(durable, "maxConcurrentOrchestratorFunctions", default_limit),
        max_entities=_limit(durable, "maxConcurrentEntityFunctions", default_limit),
        replaces_running=_replaces_running(durable.get("overridableExistingInstanceStates", OVERRIDABLE[0])),
        throw_on_raise=_flag(durable.get("throwStatusExceptionsOnRaiseEvent")),
        max_message_bytes=_limit(durable, "maxGrpcMessageSizeInBytes", 4 * 1024 * 1024),
        log_levels={str(k): str(v) for k, v in content.get("logging", {}).get("logLevel", {}).items()},
        bundle=bundle(content),
    )


def time_span(text: str) -> timedelta | None:
    """Read .NET's `[d.]hh:mm[:ss[.fff]]`; returns None, no limit, for `-1`. Raises ValueError."""
    if text in {"-1", "-00:00:00.0010000"}:
        return None
    found = TIME_SPAN.fullmatch(text)
    if not found:
        raise ValueError(f'"{text}" is not a time span; write it as hh:mm:ss, or -1 for no limit')
    return timedelta(**{unit: float(number) for unit, number in found.groupdict(default="0").items()})


def resolve(text: str, environment: Mapping[str, str]) -> str:
    """Replace `%NAME%` with the app setting of that name. Raises ValueError if the setting is missing."""
    found = re.fullmatch(r"%([^%]+)%", text)
    if not found:
        return text
    if found[1] not in environment:
        raise ValueError(f'setting {found[1]}, which "{text}" names, is missing')
    return environment[found[1]]


def _key(section: Mapping[str, Any], name: str) -> str:
    return next((key for key in section if key.lower() == name.lower()), name)


def _limit(section: Mapping[str, Any], name: str, default: int) -> int:
    value = int(section.get(name) or default)
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1")
    return value


def _replaces_running(value: str) -> bool:
    if value not in OVERRIDABLE:
        raise ValueError(
            f'overridableExistingInstanceStates is "{value}"; it must be one of {", ".join(OVERRIDABLE)}'
        )
    return value == "AnyState"


def _flag(value: bool | str | None) -> bool | None:
    return value.lower() == "true" if isinstance(value, str) else value
