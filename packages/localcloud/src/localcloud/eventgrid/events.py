"""An event, and the two schemas in which a subscription can receive it.

Source: "Azure Event Grid event schema"; "CloudEvents v1.0 schema with Azure Event Grid"; "Azure Blob
Storage as an Event Grid source".
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

Schema = Literal["EventGridSchema", "CloudEventSchemaV1_0"]
SCHEMAS: tuple[str, ...] = get_args(Schema)


BLOB_CREATED = "Microsoft.Storage.BlobCreated"
BLOB_DELETED = "Microsoft.Storage.BlobDeleted"


@dataclass(frozen=True)
class Event:
    """One event. time: ISO 8601 in UTC. data: any JSON value, an object from all Azure services."""

    id: str
    topic: str
    subject: str
    type: str
    time: str
    data: Any
    data_version: str = ""

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Event":
        """Read an event in the Event Grid schema."""
        return cls(
            id=body["id"],
            topic=body["topic"],
            subject=body["subject"],
            type=body["eventType"],
            time=body["eventTime"],
            data=body.get("data"),
            data_version=body.get("dataVersion", ""),
        )

    def to_json(self, schema: Schema = "EventGridSchema") -> dict[str, Any]:
        if schema == "CloudEventSchemaV1_0":
            return {
                "source": self.topic,
                "subject": self.subject,
                "type": self.type,
                "time": self.time,
                "id": self.id,
                "specversion": "1.0",
                "data": self.data,
            }
        return {
            "topic": self.topic,
            "subject": self.subject,
            "eventType": self.type,
            "eventTime": self.time,
            "id": self.id,
            "data": self.data,
            "dataVersion": self.data_version,
            "metadataVersion": "1",
        }
