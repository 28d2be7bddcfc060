"""The Function App: registers what the packages beside it define, and nothing else."""

import azure.durable_functions as df
import azure.functions as func

from activities import lifecycle_events, machine_learning, storage, training  # noqa: F401 - they register steps
from activities.registration import activities
from orchestrators.training_run import orchestrations
from triggers.events import events
from triggers.http import http

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(events)
app.register_functions(http)
app.register_functions(orchestrations)
app.register_functions(activities)
