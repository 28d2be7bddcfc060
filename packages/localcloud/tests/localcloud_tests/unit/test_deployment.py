"""What of a specification is deployed in which order."""

import json
from pathlib import Path

import pytest
from localcloud.deployment import documents, snapshot_of
from localcloud.spec import CloudSpec, Resource, SpecError

from localcloud_tests.resources import GROUP_ID, SITE_ID, resource, subscription


def test_a_resource_is_deployed_as_its_template_would() -> None:
    body = {"location": "here", "properties": {"a": "[environment().name]"}}
    [found] = snapshot_of([Resource(GROUP_ID, body, "2024-03-01")])["predictedResources"]
    named = {"id": GROUP_ID, "type": "Microsoft.Resources/resourceGroups", "name": "lab"}
    assert found == body | named | {"apiVersion": "2024-03-01"}


def test_snapshots_come_first_and_event_subscriptions_last(tmp_path: Path) -> None:
    file = tmp_path / "main.snapshot.json"
    file.write_text(json.dumps({"predictedResources": []}))
    mine, site = subscription("mine"), resource(SITE_ID, "2024-11-01")
    found = list(documents(CloudSpec([mine, site], snapshots=[file])))
    assert [name for name, _ in found] == ["main", "resources", "subscriptions"]
    assert [each["id"] for _, body in found for each in body["predictedResources"]] == [site.id, mine.id]
    file.write_text("{")
    with pytest.raises(SpecError, match=r"main\.snapshot\.json holds no snapshot"):
        list(documents(CloudSpec(snapshots=[file])))
