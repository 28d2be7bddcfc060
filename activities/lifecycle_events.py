"""publish_event: publishes the progress of a run to subscribers of the custom topic."""

from activities.registration import activity
from runs.steps import Done, LifecycleEvent
from services.clients import Clients


@activity
def publish_event(event: LifecycleEvent, clients: Clients) -> Done:
    """Publish `Touchdown.<kind>` with subject runs/<run id>, if the app has a topic.

    The event's id consists of run id and kind, so that a subscriber recognises a repeated delivery.
    """
    if not clients.settings.topic_endpoint:
        return Done()
    from azure.eventgrid import EventGridEvent

    clients.topic.send(
        EventGridEvent(
            id=f"{event.run_id}/{event.kind}",
            subject=f"runs/{event.run_id}",
            event_type=f"Touchdown.{event.kind}",
            data=event.data,
            data_version="1",
        )
    )
    return Done()
