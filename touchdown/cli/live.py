"""The progress of a run: a live table of its stages on a terminal, one line per stage elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from touchdown.cli import output
from touchdown.cli.stages import heading, stages, took, waits_for

Json = dict[str, Any]


class Follower:
    """Prints a run at every poll: the `on_poll` of Client.wait."""

    def __init__(self) -> None:
        self._live = Live(console=output.err, refresh_per_second=8) if output.err.is_terminal else None
        self._printed: set[tuple[str, str, bool]] = set()

    def __call__(self, run: Json) -> None:
        if self._live:
            self._live.update(Group(heading(run), stages(run), Text(waits_for(run), style="yellow")))
        else:
            self._lines(run)

    def _lines(self, run: Json) -> None:
        now = datetime.now(UTC)
        for stage in run.get("stages", []):
            ended = bool(stage["ended"])
            text = f"{took(stage, now):7.1f} s" if ended else waits_for(run)
            # A run may come to a stage again: it inspects a dataset that has changed once more.
            line = (stage["name"], stage["started"], ended)
            if text and line not in self._printed:
                self._printed.add(line)
                output.print_message(f"  {stage['name']:<22}{text}")

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()


def follow(wait: Callable[..., Json], run_id: str, limit: float, *, quiet: bool) -> Json:
    """Wait for a run to end and return it; print its progress unless `quiet`."""
    if quiet:
        return wait(run_id, limit=limit)
    with Follower() as follower:
        return wait(run_id, limit=limit, on_poll=follower)
