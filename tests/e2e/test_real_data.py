"""Real-world CSVs, and the gate that decides whether a model is deployed: from an upload to the verdict."""

import csv
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from localcloud.controls import Controls
from localcloud.stack import Stack

from tests.e2e import forgery
from tests.e2e.conftest import (
    Served,
    default,
    deployments,
    rows,
    run_names,
    stage_is,
    succeeded,
    versions,
)
from tests.unit.touchdown.commands import Answer
from touchdown.client import ApiError, Client

pytestmark = pytest.mark.e2e

CITIES = ("Rom", "Oslo", "Bern")


def customers(count: int = 160) -> bytes:
    """An export with gaps, categories, dates, ids and notes: semicolons, decimal commas, CRLF, Latin-1."""
    lines = ["Kunde;Umsatz;Stadt;seit;aktiv;Bemerkung;Währung;Kündigung"]
    for number in range(count):
        leaves = number % 3 == 0
        revenue = "" if number % 11 == 5 else f"{(20 if leaves else 200) + number % 17},{number % 10}"
        city = "" if number % 13 == 1 else CITIES[number % 2 + leaves]
        since = f"{number % 28 + 1:02d}.{number % 12 + 1:02d}.20{10 + number % 9}"
        note = '"Rückruf; ""bald"""' if number % 4 else "keine"
        label = "" if number == 7 else "ja" if leaves else "nein"
        active = "ja" if number % 5 else "nein"
        lines.append(f"K-{number:05d};{revenue};{city};{since};{active};{note};EUR;{label}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def houses(count: int = 120) -> bytes:
    """Prices that depend on area and district, with some missing values."""
    lines = ["area,district,price"]
    for number in range(count):
        area = 40 + number * 7 % 120
        district = "north" if number % 2 else "south"
        price = 1000 * area + (50_000 if number % 2 else 0) + number % 13 * 100
        lines.append(f"{'' if number % 19 == 3 else area},{district},{price}.5")
    return ("\n".join(lines) + "\n").encode()


def spoiled(data: bytes) -> bytes:
    """The same rows with labels that depend on no column. Three of four are equal: the majority is best."""
    chance = random.Random(1)
    table = list(csv.reader(io.StringIO(data.decode(), newline="")))
    for row in table[1:]:
        row[-1] = "a" if chance.random() < 0.75 else "b"
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    return text.getvalue().encode()


def document(client: Client, run: dict[str, Any], name: str) -> Any:
    folder = f"runs/{run['run_id']}/0/{run['mlflow_run_id']}/artifacts"
    return json.loads(client.container.download_blob(f"{folder}/{name}").readall())


def test_a_compressed_export_with_missing_values_categories_and_semicolons_becomes_an_endpoint(
    client: Client, name: str
) -> None:
    """The ending of its name is in upper case."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("customers.csv", customers())
    run = succeeded(client, client.upload(packed.getvalue(), f"{name}.CSV.Zip").run_id)
    assert (run["source"], run["dataset"]) == ("event", f"{name}.CSV.Zip")
    assert run["model_name"] == f"{name}_classification"
    assert (run["task"], run["verdict"], run["outcome"]) == ("classification", "deploy", "promoted")
    assert run["metrics"]["accuracy"] > 0.8
    assert set(run["predictions"]) <= {"ja", "nein"}

    metrics = document(client, run, "metrics.json")
    dropped = {each["column"]: each["why"] for each in metrics["dropped_columns"]}
    assert dropped.keys() == {"Kunde", "Währung"}
    assert "identifier" in dropped["Kunde"]
    assert "constant" in dropped["Währung"]
    assert metrics["dropped_rows"] == {"missing_label": 1}

    # Raw rows with columns in another order, with the label, an unknown category, and missing values.
    raw = "Kündigung,Stadt,Umsatz,seit,aktiv,Bemerkung\nja,Paris,,01.01.2015,nein,\n,Rom,21,,ja,keine\n"
    scored = client.score(run["endpoint"], raw.encode())
    assert len(scored.predictions) == 2
    for row in scored.predictions:
        assert row[0] in ("ja", "nein")
        assert sum(map(float, row[1:])) == pytest.approx(1.0)

    report = client.container.download_blob(run["report"]).readall().decode()
    assert run["report"] == f"runs/{run['run_id']}/report.html"
    assert run["report_url"].endswith(run["report"])
    assert "Umsatz" in report


def test_a_regression_is_deployed_unless_it_loses_to_the_champion_and_exceeds_its_maximum_rmse(
    client: Client, name: str
) -> None:
    upload = client.upload(houses(400), f"{name}.csv")
    run = succeeded(client, upload.run_id)
    assert (run["task"], run["model_name"], run["outcome"]) == (
        "regression",
        f"{name}_regression",
        "promoted",
    )
    assert run["metrics"]["r2"] > 0.8
    assert run["metrics"]["rmse"] < run["gate"]["baseline"]["value"]
    assert all(float(each) > 0 for each in run["predictions"])

    undertrained = {"epochs": 1, "lr": 0.0001, "max_rmse": 0.5}
    kept = succeeded(client, client.start_run(upload.dataset, undertrained, rerun=True)["run_id"])
    assert (kept["verdict"], kept["outcome"]) == ("keep_champion", "kept_champion")
    assert kept["gate"]["floor"] == {"setting": "max_rmse", "limit": 0.5, "passed": False}
    assert default(client, run["endpoint"]) == run["deployment"]

    judged = kept["gate"]["champion"]
    assert judged["model"] == f"{run['model_name']}:1"
    assert judged["challenger"] > judged["value"] > 0
    assert judged["interval"][0] > judged["tolerance"]
    made = versions(client, kept["model_name"])
    [version] = [each for each in made if each["name"] == kept["model_version"]]
    assert float(version["properties"]["tags"]["champion_value"]) == pytest.approx(judged["value"], rel=1e-3)
    drift = client.container.download_blob(kept["report"]).readall().decode()
    assert judged["model"] in drift
    above_maximum, worse_than_champion = kept["gate"]["reasons"]
    assert "is above max_rmse 0.5" in above_maximum
    assert "the tolerance" in worse_than_champion


def test_a_model_that_is_no_better_than_the_majority_is_registered_and_rejected(
    client: Client, classes: Served
) -> None:
    champion = classes.run
    run = succeeded(client, client.upload(spoiled(rows(count=200)), classes.file).run_id)
    assert (run["status"], run["verdict"], run["outcome"]) == ("Succeeded", "keep_champion", "kept_champion")
    assert run["gate"]["reasons"]
    assert run["deployment"] == ""
    assert "deploy_model" not in [stage["name"] for stage in run["stages"]]
    assert default(client, champion["endpoint"]) == champion["deployment"]
    assert {each["name"] for each in deployments(client, champion["endpoint"])} == {champion["deployment"]}
    tags = {each["name"]: each["properties"]["tags"] for each in versions(client, run["model_name"])}
    assert champion["model_version"] == "1"
    assert (tags["1"]["verdict"], tags[run["model_version"]]["verdict"]) == ("deploy", "keep_champion")


def test_a_run_waits_for_approval_and_cannot_be_cancelled_while_its_deployment_becomes_the_default(
    client: Client, controls: Controls, command: Callable[..., Answer], name: str
) -> None:
    upload = client.upload(rows(), f"{name}.csv", {"approval": "required"})
    with pytest.raises(ApiError) as early:
        client.approve(upload.run_id)
    assert early.value.status in (404, 409)
    waiting = client.wait(upload.run_id, until=stage_is("approve"))
    assert (waiting["status"], waiting["stage"]) == ("Running", "approve")
    assert [stage["name"] for stage in waiting["stages"]][-1:] == ["approve"]
    assert default(client, waiting["endpoint"]) == ""
    assert f"touchdown approve {upload.run_id}" in command("show", upload.run_id).out

    own = {"name": f"^{waiting['endpoint']}$"}
    held = controls.arm_fault("machinelearning.endpoint", "delay", own, seconds=600)
    comment = "looks right <b>to me</b>"
    approved = command("approve", upload.run_id, "--comment", comment, "--json")
    assert (approved.code, approved.json) == (0, {"run_id": upload.run_id, "decision": "approved"})
    client.wait(upload.run_id, until=stage_is("promote"))
    with pytest.raises(ApiError) as late:
        client.cancel(upload.run_id)
    assert (late.value.status, late.value.code) == (409, "TooLate")
    controls.disarm(held["id"])

    run = command("show", upload.run_id, "--watch", "--json").json
    assert (run["status"], run["outcome"]) == ("Succeeded", "promoted")
    assert (run["approval"]["decision"], run["approval"]["comment"]) == ("approved", comment)
    assert run["approval"]["by"]
    assert run["approval"]["at"] <= run["ended_at"]
    assert "approved by" in command("show", upload.run_id).out
    assert default(client, run["endpoint"]) == run["deployment"]
    with pytest.raises(ApiError) as decided:
        client.reject(upload.run_id)
    assert decided.value.status == 409
    assert command("reject", upload.run_id).code == 5


def test_the_deployment_of_a_rejected_model_is_deleted_and_the_default_stays_whatever_the_durable_key_says(
    cloud: Stack, client: Client, command: Callable[..., Answer], classes: Served
) -> None:
    first = classes.run
    upload = client.upload(rows(1), classes.file, {"approval": "required"})
    waiting = client.wait(upload.run_id, until=stage_is("approve"))
    forgery.decide_and_start(cloud.home, client, waiting, first)
    answer = command("reject", upload.run_id, "--comment", "wrong month", "--watch")
    assert answer.code == 0, answer.err
    for expected in ("rejected: the deployment was deleted; the default stays", ": wrong month"):
        assert expected in answer.out
    run = succeeded(client, upload.run_id)
    assert (run["outcome"], run["approval"]["decision"]) == ("rejected", "rejected")
    assert run["approval"]["comment"] == "wrong month"
    assert default(client, first["endpoint"]) == first["deployment"]
    assert {each["name"] for each in deployments(client, first["endpoint"])} == {first["deployment"]}


def test_without_a_decision_in_time_the_default_stays_also_of_a_run_started_by_http(
    client: Client, controls: Controls, name: str
) -> None:
    settings = {"approval": "required", "approval_timeout": "2s", "epochs": 3, "model_name": f"{name}-model"}
    controls.pause_deliveries()
    try:
        upload = client.upload(rows(), f"{name}.csv")
        started = client.start_run(upload.dataset, settings)
        run = succeeded(client, upload.run_id)
    finally:
        controls.resume_deliveries()
    assert started["run_id"] == upload.run_id
    assert started.keys() == {"run_id", "url"}
    assert (run["source"], run["settings"]["epochs"], run["model_name"]) == ("http", 3, f"{name}-model")
    assert (run["outcome"], run["approval"]["decision"]) == ("approval_timed_out", "timed_out")
    assert default(client, run["endpoint"]) == ""
    assert deployments(client, run["endpoint"]) == []
    assert run_names(client, upload) == [run["run_id"]]
