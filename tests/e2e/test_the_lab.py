"""The lab that Touchdown replaces works against localcloud as in Azure, with the public SDKs only."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from localcloud.environment import of_person
from localcloud.home import SUBSCRIPTION, Home, Ports
from localcloud.stack import Stack

from tests.checkout import CHECKOUT
from tests.e2e.conftest import QUICK, iris, succeeded
from touchdown import local
from touchdown.client import Client
from touchdown.local.deploying import outputs
from touchdown.local.names import (
    FACTORY,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    STORAGE_ID,
    WORKSPACE,
    identity_id,
)

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def lab_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A new cloud, so that the lab registers version 1 of its model.

    The run that the lab's upload starts by itself registers under a name of its own, since it would be
    version 1 as often as the lab's. As in Azure, the pool's start task installs the trainer's environment, in
    this cloud's home.
    """
    home = Home.open(tmp_path_factory.mktemp("lab") / "home", Ports.free())
    own = QUICK | {"TOUCHDOWN_MODEL_NAME": "beside_the_lab"}
    with local.start(home, CHECKOUT, ready_environment=False, app_settings=own) as running:
        yield running


def key_of(home: Home) -> str:
    """Turn keys on at the data account, as the lab needs them, and return one."""
    with Client(local.target(home)) as client:
        version = {"api-version": "2025-08-01"}
        account = client.resource_manager("GET", STORAGE_ID, params=version)
        sent = {name: account[name] for name in ("location", "kind", "sku", "tags")}
        body = sent | {"properties": {"allowSharedKeyAccess": True}}
        client.resource_manager("PUT", STORAGE_ID, params=version, json=body)
        keys = client.resource_manager("POST", f"{STORAGE_ID}/listKeys", params=version)["keys"]
    return str(keys[0]["value"])


def test_the_lab_step_by_step(lab_cloud: Stack, tmp_path: Path) -> None:
    home = lab_cloud.home
    settings = tmp_path / "lab.json"
    settings.write_text(
        json.dumps(
            {
                "subscription": SUBSCRIPTION,
                "resource_group": RESOURCE_GROUP,
                "workspace": WORKSPACE,
                "factory": FACTORY,
                "container": outputs(home)["CONTAINER"],
                "resource_manager": home.resource_manager,
                "storage_url": home.storage_url(STORAGE_ACCOUNT),
                "connection_string": (
                    f"DefaultEndpointsProtocol=https;AccountName={STORAGE_ACCOUNT};AccountKey={key_of(home)};"
                    f"EndpointSuffix=core.{home.suffix};"
                ),
                "cluster_identity": identity_id("scoring"),
                "csv": str(iris(tmp_path)),
                "trainer": str(CHECKOUT / "trainer"),
            }
        )
    )
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("lab.py")), str(settings)],
        env=os.environ | of_person(home),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])

    assert {"MLmodel", "model.pkl", "conda.yaml", "requirements.txt"} <= set(result["files"])
    assert result["folder"].startswith("datasets/0/")
    assert result["folder"].endswith("/artifacts/model")
    assert (result["version"], result["default"]) == ("1", "classifier")
    assert len(result["predictions"]) == 150
    assert {"setosa", "versicolor", "virginica"} == {line.split(",")[1] for line in result["predictions"]}

    # The CSV that the lab uploaded also started a run; main.py and the model did not.
    with Client(local.target(home)) as client:
        [own] = client.runs()
        assert own["dataset"] == "iris_csv.csv"
        assert succeeded(client, own["run_id"])["outcome"] == "promoted"
