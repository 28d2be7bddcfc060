"""Workbooks of Azure Monitor. Source: "Workbooks - Create Or Update", 2023-06-01."""

from localcloud import json_texts
from localcloud.providers.kinds import Kind, Name, Sent, no_properties
from localcloud.service import Cloud
from localcloud.wire import AzureError

WORKBOOK = "Microsoft.Insights/workbooks"


def check_content(_: Cloud, sent: Sent) -> None:
    """Raise AzureError 400 for content that is no JSON, or no workbook."""
    try:
        content = json_texts.loads(sent.properties["serializedData"])
    except (TypeError, ValueError):
        content = None
    if not isinstance(content, dict) or "items" not in content:
        message = "The serializedData of a workbook is the text of a JSON object with version and items."
        raise AzureError(400, "BadRequest", message, target="properties.serializedData")


KINDS = (
    Kind(
        WORKBOOK,
        ("2018-06-01", "2023-06-01"),
        Name(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "is a GUID"),
        required=("properties", "properties.displayName", "properties.serializedData", "properties.category"),
        choices={"kind": ("shared",)},
        computed=no_properties,
        check=check_content,
    ),
)
