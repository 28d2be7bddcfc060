"""The function app of another project: it waters the beds of a greenhouse and thumbnails its photos."""

# azure.functions has no types for its decorators.
# mypy: disable-error-code="untyped-decorator"

import json
import os
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.client import SyncDurableFunctionsClient
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

LITRES = {"tomatoes": 4, "basil": 1}


@app.route("beds/{bed}", methods=["GET"])
def describe_bed(req: func.HttpRequest) -> func.HttpResponse:
    bed = req.route_params["bed"]
    if bed not in LITRES:
        return func.HttpResponse(f"no bed {bed}", status_code=404)
    body = {"bed": bed, "litres": LITRES[bed], "house": os.environ["GREENHOUSE_NAME"]}
    return func.HttpResponse(json.dumps(body), mimetype="application/json")


@app.route("waterings", methods=["POST"])
@app.durable_client_input(client_name="client")
def start_watering(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    instance = client.schedule_new_orchestration("water_all", input=req.get_json()["beds"])
    return client.create_check_status_response(req, instance)


@app.orchestration_trigger(context_name="ctx")
def water_all(ctx: Any, beds: list) -> Generator[Any, Any, dict]:  # type: ignore[type-arg]
    poured = {}
    for bed in beds:
        poured[bed] = yield ctx.call_activity("water_bed", input=bed)
    return poured


@app.activity_trigger(input_name="bed")
def water_bed(bed: str) -> int:
    return LITRES[bed]


@app.event_grid_trigger(arg_name="event")
def thumbnail(event: func.EventGridEvent) -> None:
    """Write a blob beside each photo, with the site's own identity."""
    _, _, path = event.subject.partition("/containers/")
    container, _, name = path.partition("/blobs/")
    account = BlobServiceClient(os.environ["GREENHOUSE_STORAGE"], credential=DefaultAzureCredential())
    photo = account.get_blob_client(container, name).download_blob().readall()
    account.get_blob_client("thumbnails", f"{name}.txt").upload_blob(
        f"{len(photo)} bytes".encode(), overwrite=True
    )
