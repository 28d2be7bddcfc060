"""The lab that Touchdown replaces works against localcloud as it does in Azure, by the public SDKs alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.client import Client
from localcloud.environment import of_person
from localcloud.home import (
    CONTAINER,
    FACTORY,
    REPOSITORY,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    SUBSCRIPTION,
    WORKSPACE,
)
from localcloud.stack import Stack
from tests.e2e.conftest import iris, succeeded

pytestmark = pytest.mark.e2e

AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's documented key of devstoreaccount1: no secret."""


def test_the_lab_step_by_step(cloud: Stack, client: Client, tmp_path: Path) -> None:
    home = cloud.home
    settings = tmp_path / "lab.json"
    settings.write_text(
        json.dumps(
            {
                "subscription": SUBSCRIPTION,
                "resource_group": RESOURCE_GROUP,
                "workspace": WORKSPACE,
                "factory": FACTORY,
                "container": CONTAINER,
                "resource_manager": home.resource_manager,
                "storage_url": home.blob_url,
                "connection_string": (
                    f"DefaultEndpointsProtocol=https;AccountName={STORAGE_ACCOUNT};AccountKey={AZURITE_KEY};"
                    f"BlobEndpoint={home.blob_url};"
                ),
                "csv": str(iris(tmp_path)),
                "main_py": str(REPOSITORY / "trainer" / "main.py"),
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

    # The CSV that the lab uploaded started a run of its own beside it; main.py and the model did not.
    [own] = [line for line in client.runs(dataset="iris_csv.csv") if line["dataset"] == "iris_csv.csv"][:1]
    assert succeeded(client, own["run_id"])["outcome"] == "promoted"
    assert client.runs(dataset="main.py") == []
