"""Event Grid as the cloud serves it: the topic's endpoint, the controls, and the tasks behind them.

Publishing: "Publish - Publish Events" of the 2018-01-01 data plane. Controls, under /localcloud:
`GET eventgrid/deliveries`, `POST eventgrid/redeliver`, `POST eventgrid/pause`, `POST eventgrid/resume`,
`GET topics/<topic>/events`.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from localcloud.eventgrid import journal, subscriptions, topics
from localcloud.eventgrid.deadletters import DeadLetters
from localcloud.eventgrid.deliverer import Deliverer, RetrySchedule
from localcloud.eventgrid.deliveries import DeliveryLog
from localcloud.eventgrid.dispatch import Dispatcher
from localcloud.eventgrid.feed import StorageFeed
from localcloud.eventgrid.webhooks import Webhooks
from localcloud.home import TOPIC
from localcloud.service import Cloud, Service
from localcloud.wire import ArmRoute, AzureError, api_version, bearer, json_body

AUDIENCE = "https://eventgrid.azure.net"


def service(cloud: Cloud) -> Service:
    """Raises InvalidSubscriptionError or ValueError when a definition or setting cannot be used."""
    webhooks = Webhooks(cloud.home)
    deliveries = DeliveryLog(cloud.store)
    deliverer = Deliverer(
        deliveries, webhooks, DeadLetters(cloud.blobs), cloud.faults, RetrySchedule.from_environment()
    )
    dispatcher = Dispatcher(subscriptions.load(cloud.home), deliveries, deliverer)
    source = journal.Journal(journal.folder(cloud.home), cloud.home.ports.blob)
    feed = StorageFeed(cloud.home, cloud.store, cloud.blobs, source, dispatcher)
    topic = topics.Topic(cloud.store)
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        tasks.extend(cloud.operations.spawn(work) for work in (dispatcher.run(), feed.run()))

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await webhooks.close()

    return Service(
        "eventgrid", [publish_route(cloud, topic, dispatcher)], control_routes(topic, dispatcher), start, stop
    )


def publish_route(cloud: Cloud, topic: topics.Topic, dispatcher: Dispatcher) -> BaseRoute:
    async def publish(request: Request) -> Response:
        if request.path_params["topic"].lower() != TOPIC:
            raise AzureError(404, "NotFound", f"The topic '{request.path_params['topic']}' was not found.")
        local = any(name in request.headers for name in ("aeg-sas-key", "aeg-sas-token"))
        if local and "authorization" not in request.headers:
            message = "Local authentication is disabled for this topic: publish with a Microsoft Entra token."
            raise AzureError(401, "Unauthorized", message)
        bearer(request, cloud.tokens, [AUDIENCE])
        api_version(request, "2018-01-01")
        for event in topics.read(await request.body()):
            topic.keep(event)
            dispatcher.publish(event)
        return Response(status_code=200)

    return ArmRoute("POST", "/topics/{topic}/api/events", publish)


def control_routes(topic: topics.Topic, dispatcher: Dispatcher) -> list[BaseRoute]:
    async def deliveries(request: Request) -> Response:
        wanted = {
            name: request.query_params[name]
            for name in ("state", "subscription", "eventId", "subject")
            if name in request.query_params
        }
        summaries = [each.summary() for each in dispatcher.deliveries]
        value = [each for each in summaries if wanted.items() <= each.items()]
        return JSONResponse({"paused": dispatcher.paused, "value": value})

    async def redeliver(request: Request) -> Response:
        event_id = (await json_body(request)).get("event_id")
        again = dispatcher.redeliver(event_id) if isinstance(event_id, str) else []
        if not again:
            message = f"No delivery of event {event_id!r} is known: take event_id from eventgrid/deliveries."
            raise AzureError(404, "EventNotFound", message)
        return JSONResponse({"value": [each.summary() for each in again]}, 202)

    async def pause(_: Request) -> Response:
        dispatcher.pause(True)
        return Response(status_code=204)

    async def resume(_: Request) -> Response:
        dispatcher.pause(False)
        return Response(status_code=204)

    async def published(request: Request) -> Response:
        if request.path_params["topic"].lower() != TOPIC:
            raise AzureError(404, "NotFound", f"The topic '{request.path_params['topic']}' was not found.")
        return JSONResponse({"value": topic.published()})

    return [
        Route("/eventgrid/deliveries", deliveries),
        Route("/eventgrid/redeliver", redeliver, methods=["POST"]),
        Route("/eventgrid/pause", pause, methods=["POST"]),
        Route("/eventgrid/resume", resume, methods=["POST"]),
        Route("/topics/{topic}/events", published),
    ]
