"""The Function App: registers what the packages beside it define, and nothing else."""

import azure.durable_functions as df
import azure.functions as func

from activities import (  # noqa: F401 - importing a step registers it
    champion,
    continuing,
    dataset,
    decisions,
    lifecycle_events,
    model_registry,
    promotion,
    provisioning,
    run_record,
    smoke_test,
    training,
    training_result,
)
from activities.registration import activities
from orchestrators.training_run import orchestrations
from services.logs import keep_printable
from triggers.events import events
from triggers.http import http


class App(df.DFApp):
    """A durable app without the functions for durable HTTP calls that azure-functions-durable adds.

    Whoever has the system key of the durable API may start any orchestration. BuiltIn__HttpPollOrchestrator
    would send a token of the app's identity, for a resource that the caller names, to an address that the
    caller names.
    """

    def _register_builtin_http_functions(self) -> None:
        """Register none of them: no orchestration of this app calls HTTP."""


keep_printable()
app = App(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(events)
app.register_functions(http)
app.register_functions(orchestrations)
app.register_functions(activities)
