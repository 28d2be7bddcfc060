"""The failure details that an orchestrator gets for an activity that failed.

In Azure the Python worker reports an exception as the text `ValueError: the message`, which the Durable
extension parses again (GetFailureDetails in OutOfProcMiddleware.cs, in its source of late 2024). So the
orchestrator gets the bare class name as the error type, and only the first line of the message. durabletask's
own worker, which no Functions app uses for activities, would give `builtins.ValueError` and the whole
message. Both support `details.is_caused_by(ValueError)`, `details.is_caused_by("ValueError")` and the
message's first line.
"""

from datetime import timedelta

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb

UNKNOWN_TYPE = "(unknown)"
TIMEOUT_TYPE = "Microsoft.Azure.WebJobs.Host.FunctionTimeoutException"


def details(error_type: str, message: str, stack_trace: str | None = None) -> pb.TaskFailureDetails:
    trace = helpers.get_string_value(stack_trace)
    return pb.TaskFailureDetails(errorType=error_type, errorMessage=message, stackTrace=trace)


def from_worker(text: str, stack_trace: str) -> pb.TaskFailureDetails:
    """Return the details of a failure that the worker reported as `text`: `<class name>: <message>`."""
    error_type, separator, message = text.partition(": ")
    if not separator:
        return details(UNKNOWN_TYPE, text, stack_trace)
    first_line = message.split("\n", 1)[0].rstrip()
    return details(error_type.rstrip(), first_line, stack_trace)


def timed_out(function: str, limit: timedelta) -> pb.TaskFailureDetails:
    """Return the details of a function that ran longer than host.json's functionTimeout."""
    return details(
        TIMEOUT_TYPE, f"Timeout value of {clock(limit)} was exceeded by function: Functions.{function}"
    )


def clock(span: timedelta) -> str:
    """Format a duration as .NET formats a TimeSpan: `1.02:03:04`, `00:30:00`, `00:00:00.2500000`."""
    seconds = span.seconds
    days = f"{span.days}." if span.days else ""
    fraction = f".{span.microseconds * 10:07d}" if span.microseconds else ""
    return f"{days}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
