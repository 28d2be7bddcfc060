"""Routes of the Functions host: ASP.NET's route templates, which are not case-sensitive.

A template has literals and parameters, which may be optional, catch all, or have constraints and defaults:
`runs/{id}/{step?}`, `files/{*path}`, `runs/{number:int}`, `things/{kind=all}`. An encoded slash stays
encoded, as in ASP.NET, so that a value never spans two segments.
Source: "Routing in ASP.NET Core"; "Azure Functions HTTP trigger: customize the HTTP endpoint".
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]

PARAMETER = re.compile(
    r"\{(?P<all>\*{0,2})(?P<name>\w+)(?::(?P<type>\w+))?(?:=(?P<default>[^}?]*))?(?P<optional>\?)?\}"
)
CONSTRAINTS = {
    "alpha": r"[A-Za-z]+",
    "bool": r"(?:true|false)",
    "guid": r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}",
    "int": r"-?\d+",
    "long": r"-?\d+",
}


class RouteError(ValueError):
    """A route template that this host does not support."""


@dataclass(frozen=True)
class Template:
    """A route template. `rank` orders templates as ASP.NET does: the more literal one comes first."""

    text: str
    pattern: re.Pattern[str]
    defaults: dict[str, str]
    rank: tuple[int, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters that `path` gives, with defaults, or None if it does not match."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        given = {name: value for name, value in found.groupdict().items() if value}
        return {**self.defaults, **given}


def parse(text: str) -> Template:
    """Parse a template. Raises RouteError."""
    pattern, rank, defaults = "", [], {}
    for segment in text.strip("/").split("/"):
        part, order, optional, default = _segment(text, segment)
        pattern += f"(?:/{part})?" if optional else f"/{part}"
        rank.append(order)
        defaults.update(default)
    return Template(text, re.compile(f"{pattern}/?", re.IGNORECASE), defaults, tuple(rank))


def _segment(text: str, segment: str) -> tuple[str, int, bool, dict[str, str]]:
    found = PARAMETER.fullmatch(segment)
    if found is None:
        if "{" not in segment:
            return re.escape(segment), 0, False, {}
        return _mixed(text, segment), 2, False, {}
    default = {found["name"]: found["default"]} if found["default"] else {}
    optional = bool(found["optional"] or default or found["all"])
    value = ".*" if found["all"] else _constraint(text, found["type"], r"[^/]+")
    order = 4 if found["all"] else 1 if found["type"] else 3
    return f"(?P<{found['name']}>{value})", order, optional, default


def _mixed(text: str, segment: str) -> str:
    """Return the pattern of a segment that mixes literals and parameters, such as `run-{id}.json`."""
    pattern, end = "", 0
    for found in PARAMETER.finditer(segment):
        value = _constraint(text, found["type"], r"[^/]+?")
        pattern += re.escape(segment[end : found.start()]) + f"(?P<{found['name']}>{value})"
        end = found.end()
    rest = segment[end:]
    if not end or "{" in rest:
        raise RouteError(f'route "{text}": "{segment}" is not a segment that this host understands')
    return pattern + re.escape(rest)


def _constraint(text: str, name: str | None, free: str) -> str:
    if name is None:
        return free
    if name.lower() not in CONSTRAINTS:
        known = ", ".join(CONSTRAINTS)
        raise RouteError(f'route "{text}": constraint "{name}" is not imitated (these are: {known})')
    return CONSTRAINTS[name.lower()]


class HostRoute(BaseRoute):
    """A template and its HTTP methods. Another method does not match and gets 404, as in Azure."""

    def __init__(self, methods: Iterable[str], template: str, handler: Handler) -> None:
        self.methods = {method.upper() for method in methods}
        self.template = parse(template)
        self.handler = handler

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or (self.methods and scope["method"] not in self.methods):
            return Match.NONE, {}
        found = self.template.match(path_of(scope))
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.handler, "path_params": found}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.handler(Request(scope, receive))
        await response(scope, receive, send)


def path_of(scope: Scope) -> str:
    """Return the path, decoded except for encoded slashes."""
    raw = scope.get("raw_path")
    if not raw:
        return str(scope["path"])
    return unquote(re.sub("%2f", "%252F", raw.decode("ascii").split("?")[0], flags=re.IGNORECASE))


def ordered(routes: Iterable[HostRoute]) -> list[HostRoute]:
    """Return the routes in the order in which they must be tried."""
    return sorted(routes, key=lambda route: route.template.rank)
