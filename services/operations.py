"""Long-running operations of Resource Manager: their addresses, and why they failed."""

import logging
from typing import Any

from azure.core.exceptions import AzureError

from services.addresses import may_receive_management_token
from services.clients import Clients

log = logging.getLogger("touchdown.services")

BROKEN = frozenset({"Failed", "Canceled"})
SETTLED = BROKEN | {"Succeeded"}
"""The provisioning states of a resource on which no operation is running."""
NO_OPERATION_URL = "none"
"""Stands for the address of an operation that has started and for which Azure gave no address."""
UNKNOWN_REASON = "Azure ML gave no reason; see the resource in Azure ML studio"


def operation_of(poller: Any) -> str:
    """The address of a long-running operation that has started, or NO_OPERATION_URL if Azure gave none.

    A failed resource does not say why it failed; its operation does. The SDK keeps the operation's address
    inside its poller.
    """
    response = getattr(poller.polling_method(), "_initial_response", None)
    headers = response.http_response.headers if response is not None else {}
    return str(headers.get("Azure-AsyncOperation") or NO_OPERATION_URL)


def why_failed(operation_url: str, clients: Clients) -> str:
    """The error of a failed long-running operation, in Azure's words, or that Azure gave no reason.

    Source: "Track asynchronous Azure operations".
    """
    if not may_receive_management_token(operation_url, clients.settings):
        return UNKNOWN_REASON
    from azure.core.rest import HttpRequest

    try:
        response = clients.resource_manager.send_request(HttpRequest("GET", operation_url))
        response.raise_for_status()
        error = response.json().get("error") or {}
    except (AzureError, ValueError) as failed:
        log.warning("the error of a failed operation could not be read: %s", failed)
        return UNKNOWN_REASON
    # The error itself often says no more than that something failed; its details name the cause.
    messages = [str(each["message"]) for each in [error, *error.get("details", [])] if each.get("message")]
    return f"{error.get('code')}: {' '.join(dict.fromkeys(messages))}" if messages else UNKNOWN_REASON
