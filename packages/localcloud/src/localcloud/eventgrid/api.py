"""Event Grid's HTTP interface: the topic's endpoint, the controls, and the background tasks.

Source for publishing: "Publish - Publish Events" of the 2018-01-01 data plane. Controls, under /localcloud:
`GET eventgrid/deliveries`, `POST eventgrid/redeliver`, `POST eventgrid/pause`, `POST eventgrid/resume`,
`GET topics/<topic>/events`.
"""

import asyncio
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

from azure.storage.blob import BlobServiceClient
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Host, Route, Router

from localcloud.access.decisions import Refused
from localcloud.eventgrid import journal, subscriptions, topics
from localcloud.eventgrid.deadletters import DeadLetters
from localcloud.eventgrid.deliverer import Deliverer, RetrySchedule
from localcloud.eventgrid.deliveries import DeliveryLog
from localcloud.eventgrid.dispatch import Dispatcher
from localcloud.eventgrid.feed import StorageFeed
from localcloud.eventgrid.resources import Routes
from localcloud.eventgrid.subscriptions import OWN, DeadLetterPlace, carries
from localcloud.eventgrid.webhooks import Webhooks
from localcloud.identities import Principal
from localcloud.inventory import TOPIC, Inventory
from localcloud.principals import Principals
from localcloud.rights import Right
from localcloud.service import Cloud, Service
from localcloud.wire import ArmRoute, AzureError, api_version, json_body, not_imitated, timestamp

AUDIENCE = "https://eventgrid.azure.net"


def service(cloud: Cloud) -> Service:
    """Raises ValueError when a setting cannot be used."""
    webhooks = Webhooks(cloud.home)
    deliveries = DeliveryLog(cloud.store)
    deliverer = Deliverer(
        deliveries,
        webhooks,
        DeadLetters(partial(dead_letter_client, cloud)),
        cloud.faults,
        RetrySchedule.from_environment(),
    )
    dispatcher = Dispatcher(subscriptions.load(cloud.inventory), deliveries, deliverer)
    source = journal.Journal(journal.folder(cloud.home), cloud.home.ports.blob)
    feed = StorageFeed(cloud.home, cloud.inventory, cloud.store, cloud.blobs_of, source, dispatcher)
    published = topics.PublishedEvents(cloud.store)
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        tasks.extend(cloud.operations.spawn(work) for work in (dispatcher.run(), feed.run()))

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await webhooks.close()

    return Service(
        "eventgrid",
        [publish_route(cloud, published, dispatcher), *Routes(cloud, dispatcher).all()],
        control_routes(cloud, published, dispatcher),
        start,
        stop,
    )


def topic_id(cloud: Cloud, request: Request) -> str:
    """The resource id of the custom topic that a path names. Raises AzureError 404."""
    name = request.path_params["topic"].lower()
    found = next((each for each in cloud.inventory.all(TOPIC) if each["name"].lower() == name), None)
    if found is None:
        raise AzureError(404, "NotFound", f"The topic '{request.path_params['topic']}' was not found.")
    return str(found["id"])


def publish_route(cloud: Cloud, published: topics.PublishedEvents, dispatcher: Dispatcher) -> BaseRoute:
    async def publish(request: Request) -> Response:
        topic = topic_id(cloud, request)
        api_version(request, "2018-01-01")
        for event in topics.read(await request.body(), topic):
            published.keep(event)
            dispatcher.publish(event)
        return Response(status_code=200)

    right = Right(
        "Microsoft.EventGrid/events/send/action",
        is_data=True,
        scope=partial(topic_id, cloud),
        audience=AUDIENCE,
        refusal=may_not_send,
        before=partial(refuse_local_authentication, cloud),
    )
    endpoint = urlsplit(cloud.home.topic_endpoint("{topic}", "{region}"))
    return Host(endpoint.netloc, Router([ArmRoute("POST", endpoint.path, publish, right)]))


def refuse_local_authentication(cloud: Cloud, request: Request) -> None:
    """Raises AzureError for a key or a SAS in place of a token: 401, or 501 where the topic allows them."""
    local = any(name in request.headers for name in ("aeg-sas-key", "aeg-sas-token"))
    if local and "authorization" not in request.headers:
        found = cloud.inventory.get(topic_id(cloud, request))
        if found is None or not found["properties"].get("disableLocalAuth", False):
            raise not_imitated("keys and SAS of a topic: publish with a Microsoft Entra token")
        message = "Local authentication is disabled for this topic: publish with a Microsoft Entra token."
        raise AzureError(401, "Unauthorized", message)


def may_not_send(refused: Refused) -> AzureError:
    """Event Grid's answer to a publisher without the role EventGrid Data Sender.

    Source: Azure/azure-sdk-for-net#22831.
    """
    message = (
        "The principal associated with access token presented with the incoming request does not have"
        f" permission to send data to {refused.call.scope}. Report '{uuid4()}:0:{timestamp()} (UTC)' to our"
        " forums for assistance or raise a support ticket."
    )
    details = [{"code": "Unauthorized", "message": message}]
    return AzureError(401, "Unauthorized", message, details=details)


def control_routes(
    cloud: Cloud, published: topics.PublishedEvents, dispatcher: Dispatcher
) -> list[BaseRoute]:
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

    async def published_events(request: Request) -> Response:
        return JSONResponse({"value": published.of(topic_id(cloud, request))})

    return [
        Route("/eventgrid/deliveries", deliveries),
        Route("/eventgrid/redeliver", redeliver, methods=["POST"]),
        Route("/eventgrid/pause", pause, methods=["POST"]),
        Route("/eventgrid/resume", resume, methods=["POST"]),
        Route("/topics/{topic}/events", published_events),
    ]


def dead_letter_client(cloud: Cloud, place: DeadLetterPlace) -> BlobServiceClient:
    """A client for dead letters. Raises AzureError 400 where the topic no longer has the identity."""
    return cloud.storage_as(writer(cloud.inventory, cloud.principals, place), place.account)


def writer(inventory: Inventory, principals: Principals, place: DeadLetterPlace) -> Principal:
    """Who writes dead letters: the identity of the topic that the subscription names.

    Raises AzureError 400 where the topic does not carry that identity, 404 where it is gone.
    """
    if not carries(inventory, place):
        message = f"The topic '{place.topic}' does not carry the identity '{place.identity}'."
        raise AzureError(400, "InvalidRequest", message)
    return principals.own_of(place.topic) if place.identity == OWN else principals.of_identity(place.identity)
