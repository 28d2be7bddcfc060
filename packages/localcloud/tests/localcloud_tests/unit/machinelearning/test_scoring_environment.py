"""The environment of a scoring process: what a deployment chose, and nothing of the cloud."""

from pathlib import Path

import pytest
from localcloud.machinelearning.driving import environment


def test_a_scoring_process_has_no_identity_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_SECRET", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "of the cloud")
    job = {"settings": {"environmentVariables": {"CHOSEN": "by the deployment"}}}
    given = environment(job, Path("/node"))
    assert given["CHOSEN"] == "by the deployment"
    assert "of the cloud" not in given.values()
    assert not any(name.startswith(("IDENTITY_", "AZURE_", "AZ_", "MSI_")) for name in given)
