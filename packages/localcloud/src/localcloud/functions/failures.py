"""What an orchestrator is told about an activity that failed.

In Azure the Python worker reports an exception as the text `ValueError: the message`; the Durable
extension takes that text apart again (GetFailureDetails in OutOfProcMiddleware.cs, read in its source of
late 2024). So the error type that reaches the orchestrator is the bare class name, and of the message only
the first line. durabletask's own worker, which no Functions app uses for activities, would give
`builtins.ValueError` and the whole message. What holds in both worlds: `details.is_caused_by(ValueError)`,
`details.is_caused_by("ValueError")` and the first line of the message.
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
    """The details for what the worker reported: `text` is `<class name>: <message>`."""
    error_type, separator, message = text.partition(": ")
    if not separator:
        return details(UNKNOWN_TYPE, text, stack_trace)
    first_line = message.split("\n", 1)[0].rstrip()
    return details(error_type.rstrip(), first_line, stack_trace)


def timed_out(function: str, limit: timedelta) -> pb.TaskFailureDetails:
    """The details for a function that ran longer than host.json's functionTimeout."""
    return details(
        TIMEOUT_TYPE, f"Timeout value of {clock(limit)} was exceeded by function: Functions.{function}"
    )


def clock(span: timedelta) -> str:
    """`1.02:03:04`, `00:30:00`, `00:00:00.2500000`: a TimeSpan as .NET writes it."""
    seconds = span.seconds
    days = f"{span.days}." if span.days else ""
    fraction = f".{span.microseconds * 10:07d}" if span.microseconds else ""
    return f"{days}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
