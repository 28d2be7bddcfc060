"""Whose an endpoint and a model name are: a dataset's, as the tags say that the run which made them wrote.

The name of a dataset (naming.dataset_name) is tagged on a batch endpoint, and on the container of a model's
versions. A run uses what belongs to its dataset or does not exist yet. It may use anything else only if the
request that started it said so and the app setting TOUCHDOWN_TAKE_OVER allows it. The request is read from
the run's claim in storage, which the app alone writes: nothing in an orchestration's input counts.

Two runs that make the same thing at the same moment both write their tags, and the later ones stay. The other
run is refused when it looks again, at the latest before it would change the default.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote as escaped

from runs import naming
from runs.contracts import Json, Upload
from runs.errors import RefusedError
from runs.text import quote
from services import run_store
from services.clients import Clients

if TYPE_CHECKING:
    from azure.ai.ml.entities import BatchEndpoint

MADE_BY = {"made_by": "touchdown"}
OWNER = "dataset"
"""The tag that holds the name of the dataset."""
API_VERSION = "2024-04-01"
NOT_FOUND = 404


def owner_tags(upload: Upload) -> dict[str, str]:
    """The tags of what belongs to the dataset of `upload`."""
    return {**MADE_BY, OWNER: naming.dataset_name(upload.path)}


def belongs_to(tags: Mapping[str, str | None], upload: Upload) -> bool:
    """Whether something with these tags belongs to the dataset of `upload`."""
    return owner_tags(upload).items() <= tags.items()


def check_endpoint(endpoint: "BatchEndpoint", upload: Upload, run_id: str, clients: Clients) -> None:
    """Raise RefusedError EndpointTaken unless a run may use an endpoint that exists."""
    tags: dict[str, str | None] = endpoint.tags or {}
    if not (belongs_to(tags, upload) or may_take_over(run_id, clients)):
        message = _not_owned(f"endpoint {endpoint.name}", tags, upload, "endpoint_name")
        raise RefusedError("EndpointTaken", message)


def check_model_name(name: str, upload: Upload, run_id: str, clients: Clients) -> bool:
    """Whether a model name is in use. Raises RefusedError ModelNameTaken unless the run may use it."""
    container = _model_container(name, clients)
    if container is None:
        return False
    tags = _tags_of(container)
    if not (belongs_to(tags, upload) or may_take_over(run_id, clients)):
        message = _not_owned(f"model {name}", tags, upload, "model_name")
        raise RefusedError("ModelNameTaken", message)
    return True


def claim_model_name(name: str, upload: Upload, run_id: str, clients: Clients) -> None:
    """Make a model name the dataset's if nobody has it. Raises RefusedError ModelNameTaken."""
    if not check_model_name(name, upload, run_id, clients):
        _put_model_container(name, {"tags": owner_tags(upload)}, clients)


def take_over_model_name(name: str, upload: Upload, run_id: str, clients: Clients) -> None:
    """Make a model name the dataset's, whoever has it, if the run's request and the app allow that."""
    container = _model_container(name, clients)
    if container is None or belongs_to(_tags_of(container), upload) or not may_take_over(run_id, clients):
        return
    found = container["properties"]
    kept = {key: found[key] for key in ("description", "properties", "isArchived") if found.get(key)}
    _put_model_container(name, kept | {"tags": _tags_of(container) | owner_tags(upload)}, clients)


def may_take_over(run_id: str, clients: Clients) -> bool:
    """Whether a run may use what belongs to another dataset, or to nobody."""
    if not clients.settings.may_take_over:
        return False
    claim = run_store.read(run_id, clients)
    return claim is not None and claim.record.run_id == run_id and claim.record.take_over


def _not_owned(what: str, tags: Mapping[str, str | None], upload: Upload, setting: str) -> str:
    """Why a run may not use something with these tags, and what to do."""
    owner = str(tags.get(OWNER) or "") if MADE_BY.items() <= tags.items() else ""
    whose = f"belongs to dataset {quote(owner)}" if owner else "was not made by a run of a dataset"
    return (
        f"{what} {whose}, and this run is about dataset {quote(naming.dataset_name(upload.path))}. Start a"
        f" run with POST /api/runs that names another one with the setting {setting}, or that says"
        ' "take_over": true, which whoever operates the app has to allow with the app setting'
        " TOUCHDOWN_TAKE_OVER."
    )


def _tags_of(container: Json) -> dict[str, str | None]:
    return container["properties"].get("tags") or {}


def _model_container(name: str, clients: Clients) -> Json | None:
    """What holds the versions of a model, or None if there is none. Source: "Model Containers - Get".

    azure-ai-ml registers versions; it has no call that reads or writes the tags of a container.
    """
    from azure.core.rest import HttpRequest

    response = clients.resource_manager.send_request(HttpRequest("GET", _address(name, clients)))
    if response.status_code == NOT_FOUND:
        return None
    response.raise_for_status()
    document: Json = response.json()
    return document


def _put_model_container(name: str, properties: Json, clients: Clients) -> None:
    """Write what holds a model's versions. Source: "Model Containers - Create Or Update"."""
    from azure.core.rest import HttpRequest

    request = HttpRequest("PUT", _address(name, clients), json={"properties": properties})
    clients.resource_manager.send_request(request).raise_for_status()


def _address(name: str, clients: Clients) -> str:
    settings = clients.settings
    models = f"{settings.resource_manager}{settings.workspace_id}/models"
    return f"{models}/{escaped(name, safe='')}?api-version={API_VERSION}"
