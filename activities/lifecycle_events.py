"""The step that tells others: lifecycle events on a custom topic."""

from activities.registration import activity
from runs.contracts import Done, LifecycleEvent
from runs.settings import app
from services import clients


@activity
def publish_event(event: LifecycleEvent) -> Done:
    """Publish `Touchdown.<kind>` with subject runs/<run id>; nothing when no topic is set.

    The id is the run's and the kind's, so that a subscriber can tell a repetition from a second event.
    """
    if not app().topic_endpoint:
        return Done()
    from azure.eventgrid import EventGridEvent

    clients.topic().send(
        EventGridEvent(
            id=f"{event.run_id}/{event.kind}",
            subject=f"runs/{event.run_id}",
            event_type=f"Touchdown.{event.kind}",
            data=event.data,
            data_version="1",
        )
    )
    return Done()
