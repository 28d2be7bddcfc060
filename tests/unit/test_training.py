"""The steps that train: one pipeline run for each run, whatever is lost, late or refused."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError

from activities.training import LISTING_LAG, cancel_training, get_training_status, start_training, stderr_tail
from runs import naming
from runs.errors import TransientError
from runs.steps import Champion, CleanUp, ProvisioningStatus, Training, TrainingInput, TrainingStatus
from runs.value_types import LONGEST_DURATION
from services.clients import Clients
from tests.unit.kept import kept
from tests.unit.rehearsed import LATER, RUN, UPLOAD
from tests.unit.wire import SETTINGS, Answer, Blobs, Sent, Wire

ORDER = TrainingInput(RUN, UPLOAD.etag, Champion())
NOTE = f"app/runs/{RUN}/training-{naming.digest(UPLOAD.etag)}.started"
LAG = LISTING_LAG.total_seconds()
UNKNOWN = CleanUp(RUN, UPLOAD.etag)
"""What a run leaves that does not know its pipeline run."""


@dataclass
class Azure:
    """Data Factory and storage behind a Wire.

    listed: whether pipeline runs are found by a search. status, parameters: those of each pipeline run.
    message: what each of them says. started: when a pipeline run started, by its name. page: how many entries
    of a list one answer holds. refuse: the status with which createRun is refused. meanwhile: what happens
    once, before the first request for which `moment` is true is answered.
    """

    blobs: Blobs = field(default_factory=Blobs)
    created: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    status: str = "Failed"
    listed: bool = False
    refuse: int = 0
    moment: Callable[[Sent], bool] | None = None
    meanwhile: Callable[[], None] | None = None
    activity_runs: list[dict[str, object]] = field(default_factory=list)
    parameters: dict[str, str] | None = field(default_factory=lambda: {"runId": RUN, "etag": UPLOAD.etag})
    message: str | None = None
    started: dict[str, str] = field(default_factory=dict)
    page: int = 100

    @property
    def clients(self) -> Clients:
        return Wire(self).clients()

    def __post_init__(self) -> None:
        kept(Wire(self.blobs).clients())

    def __call__(self, sent: Sent) -> Answer:
        if self.moment and self.meanwhile and self.moment(sent):
            meanwhile, self.moment = self.meanwhile, None
            meanwhile()
        if sent.path.startswith(SETTINGS.storage_url):
            return self.blobs(sent)
        if sent.path.endswith("/queryPipelineRuns"):
            return self._page([self._run(each) for each in self.created if self.listed], sent)
        if sent.path.endswith("/createRun"):
            if self.refuse:
                return Answer(self.refuse, {"error": {"code": "Refused", "message": "no"}})
            self.created.append(f"pipeline-run-{len(self.created) + 1}")
            return Answer(200, {"runId": self.created[-1]})
        if sent.path.endswith("/queryActivityruns"):
            return self._page(self.activity_runs, sent)
        if sent.path.endswith("/cancel"):
            self.cancelled.append(sent.path.split("/")[-2])
            return Answer(200)
        if "/pipelineruns/" in sent.path:
            return Answer(200, self._run(sent.path.rpartition("/")[2]))
        raise AssertionError(sent)

    def _run(self, name: str) -> dict[str, object]:
        run: dict[str, object] = {
            "runId": name,
            "status": self.status,
            "parameters": self.parameters,
            "message": self.message,
        }
        return run | ({"runStart": self.started[name]} if name in self.started else {})

    def _page(self, entries: list[dict[str, object]], sent: Sent) -> Answer:
        """Source: "Pipeline Runs - Query By Factory", whose body takes the token of the page before."""
        first = int(sent.body.get("continuationToken") or 0)
        after = first + self.page
        more = {"continuationToken": str(after)} if after < len(entries) else {}
        return Answer(200, {"value": entries[first:after]} | more)

    def pass_time(self, seconds: float) -> None:
        self.blobs.now += timedelta(seconds=seconds)


def is_create(sent: Sent) -> bool:
    return sent.path.endswith("/createRun")


def is_look_at_note(sent: Sent) -> bool:
    return sent.method == "HEAD" and sent.path.endswith(NOTE)


# --- One pipeline run ---------------------------------------------------------------------------------


def test_a_first_attempt_leaves_a_note_and_creates_a_pipeline_run() -> None:
    azure = Azure()
    assert start_training(ORDER, azure.clients) == Training(RUN, "pipeline-run-1")
    assert NOTE in azure.blobs.blobs


def test_the_search_covers_the_longest_training_and_the_apps_pipeline_only() -> None:
    wire = Wire(Azure())
    began = datetime.now(UTC)
    start_training(ORDER, wire.clients())
    (search,) = (sent.body for sent in wire.sent if sent.path.endswith("/queryPipelineRuns"))
    longest = timedelta(seconds=LONGEST_DURATION)
    after = began - datetime.fromisoformat(search["lastUpdatedAfter"])
    assert longest < after < longest + timedelta(days=2), "each page of a longer past is one request more"
    ahead = datetime.fromisoformat(search["lastUpdatedBefore"]) - began
    assert ahead > timedelta(minutes=15), "the factory's clock may be ahead of the host's"
    assert search["filters"] == [
        {"operand": "PipelineName", "operator": "Equals", "values": [SETTINGS.pipeline]}
    ]


def test_a_pipeline_run_that_is_listed_is_taken_for_the_runs_own() -> None:
    azure = Azure(created=["earlier"], listed=True)
    assert start_training(ORDER, azure.clients).pipeline_run_id == "earlier"
    assert azure.created == ["earlier"]


def test_an_attempt_after_a_lost_answer_waits_until_the_first_ones_pipeline_run_must_be_listed() -> None:
    azure = Azure()
    start_training(ORDER, azure.clients)
    for seconds in (0, LAG - 1):
        azure.pass_time(seconds)
        with pytest.raises(TransientError, match="does not list yet"):
            start_training(ORDER, azure.clients)
    azure.pass_time(1)
    assert start_training(ORDER, azure.clients).pipeline_run_id == "pipeline-run-2"


def test_of_two_attempts_after_an_old_note_the_second_waits_for_the_first() -> None:
    """Each attempt that goes on to createRun must be waited for, not only the first one."""
    azure = Azure()
    azure.blobs.put(NOTE, b"", age=LAG + 15)
    start_training(ORDER, azure.clients)
    azure.pass_time(5)
    with pytest.raises(TransientError):
        start_training(ORDER, azure.clients)
    assert azure.created == ["pipeline-run-1"]


def test_of_two_attempts_that_both_read_an_old_note_one_goes_on() -> None:
    azure = Azure(moment=is_look_at_note)
    azure.blobs.put(NOTE, b"", age=LAG + 15)
    clients = azure.clients
    azure.meanwhile = lambda: void(start_training(ORDER, clients))
    with pytest.raises(TransientError):
        start_training(ORDER, clients)
    assert azure.created == ["pipeline-run-1"]

    renewed = Azure(moment=lambda sent: sent.method == "PUT" and bool(sent.headers.get("If-Match")))
    renewed.blobs.put(NOTE, b"", age=LAG + 15)
    clients = renewed.clients
    renewed.meanwhile = lambda: void(start_training(ORDER, clients))
    with pytest.raises(TransientError):
        start_training(ORDER, clients)
    assert renewed.created == ["pipeline-run-1"]


def test_a_pipeline_run_that_is_listed_while_an_old_note_is_renewed_is_found() -> None:
    """An attempt may be held up for longer than the listing takes, between its search and its note."""
    azure = Azure(created=["earlier"], moment=is_look_at_note)
    azure.blobs.put(NOTE, b"", age=LAG + 15)
    azure.meanwhile = lambda: setattr(azure, "listed", True)
    assert start_training(ORDER, azure.clients).pipeline_run_id == "earlier"
    assert azure.created == ["earlier"]


def test_a_later_version_of_the_dataset_has_a_pipeline_run_of_its_own_at_once() -> None:
    azure = Azure()
    first = start_training(ORDER, azure.clients)
    azure.listed = True
    later = kept(azure.clients, upload=LATER)
    second = start_training(replace(ORDER, etag=LATER.etag), later)
    assert second.pipeline_run_id != first.pipeline_run_id
    assert start_training(ORDER, kept(azure.clients)) == first


def test_the_clean_up_looks_for_the_pipeline_run_of_the_present_version() -> None:
    azure = Azure(created=["earlier"], listed=True, status="InProgress")
    other = cancel_training(replace(UNKNOWN, etag="0x8DD"), azure.clients)
    assert (other, azure.cancelled) == (ProvisioningStatus(done=True), [])
    cancel_training(UNKNOWN, azure.clients)
    assert azure.cancelled == ["earlier"]


def test_the_age_of_a_note_is_measured_by_storages_clock_and_not_by_the_hosts() -> None:
    """The host's clock is months away from that of this storage."""
    for year in (2020, 2100):
        azure = Azure()
        azure.blobs.now = datetime(year, 1, 1, tzinfo=UTC)
        azure.blobs.put(NOTE, b"", age=LAG - 1)
        with pytest.raises(TransientError):
            start_training(ORDER, azure.clients)
        assert cancel_training(UNKNOWN, azure.clients) == ProvisioningStatus(done=False)
        azure.pass_time(1)
        assert cancel_training(UNKNOWN, azure.clients) == ProvisioningStatus(done=True)
        assert start_training(ORDER, azure.clients).pipeline_run_id == "pipeline-run-1"


def test_a_pipeline_run_that_someone_started_without_parameters_is_not_the_runs_own() -> None:
    azure = Azure(created=["by hand"], listed=True)
    azure.parameters = None
    assert start_training(ORDER, azure.clients).pipeline_run_id == "pipeline-run-2"


def test_a_pipeline_run_is_found_on_whichever_page_it_is_listed() -> None:
    azure = Azure(created=["a", "b", "c"], listed=True, page=1)
    azure.started = {"a": "2026-01-01T00:00:03Z", "b": "2026-01-01T00:00:02Z", "c": "2026-01-01T00:00:01Z"}
    assert start_training(ORDER, azure.clients).pipeline_run_id == "c", "the oldest of all pages"
    assert azure.created == ["a", "b", "c"]


def test_a_pipeline_run_that_has_not_begun_is_taken_for_the_newest() -> None:
    azure = Azure(created=["queued", "begun"], listed=True, started={"begun": "2026-01-01T00:00:01Z"})
    assert start_training(ORDER, azure.clients).pipeline_run_id == "begun"
    assert start_training(ORDER, Azure(created=["queued"], listed=True).clients).pipeline_run_id == "queued"


# --- A createRun that fails ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 429])
@pytest.mark.parametrize("renewed", [False, True], ids=["first attempt", "later attempt"])
def test_a_refused_create_run_leaves_no_note_so_that_the_next_attempt_need_not_wait(
    status: int, renewed: bool
) -> None:
    azure = Azure(refuse=status)
    if renewed:
        azure.blobs.put(NOTE, b"", age=LAG + 15)
    with pytest.raises(HttpResponseError):
        start_training(ORDER, azure.clients)
    assert NOTE not in azure.blobs.blobs
    azure.refuse = 0
    assert start_training(ORDER, azure.clients).pipeline_run_id == "pipeline-run-1"


@pytest.mark.parametrize("status", [500, 503])
def test_a_create_run_whose_outcome_is_unknown_leaves_its_note_and_is_sent_once(status: int) -> None:
    azure = Azure(refuse=status)
    wire = Wire(azure)
    with pytest.raises(HttpResponseError):
        start_training(ORDER, wire.clients())
    assert sum(is_create(sent) for sent in wire.sent) == 1
    azure.refuse = 0
    with pytest.raises(TransientError):
        start_training(ORDER, azure.clients)


def test_a_refused_create_run_does_not_delete_the_note_of_a_later_attempt() -> None:
    azure = Azure(moment=is_create, refuse=429)
    clients = azure.clients

    def overtake() -> None:
        azure.refuse = 0
        azure.pass_time(LAG + 1)
        start_training(ORDER, clients)
        azure.refuse = 429

    azure.meanwhile = overtake
    with pytest.raises(HttpResponseError) as refused:
        start_training(ORDER, clients)
    assert refused.value.status_code == 429, "the refusal, not that the note is another's"
    azure.refuse = 0
    with pytest.raises(TransientError):
        start_training(ORDER, clients)
    assert azure.created == ["pipeline-run-1"]


def void(_: object) -> None:
    """Drop a result."""


# --- Why a training failed ------------------------------------------------------------------------------

OWN = f"{SETTINGS.storage_url}/adfjobs/7/output/stderr.txt"


def with_stderr() -> tuple[Wire, Clients]:
    blobs = Blobs()
    # Wire's storage keeps paths below its container only, and this file lies in another one.
    blobs.put("7/output/stderr.txt", b"ValueError: only one class\n")
    wire = Wire(blobs)
    return wire, wire.clients()


def test_the_stderr_of_a_failed_task_is_read_from_the_apps_own_account() -> None:
    _, clients = with_stderr()
    assert stderr_tail([f"{SETTINGS.storage_url}/adfjobs/7/output/stdout.txt", OWN], clients) == (
        "ValueError: only one class"
    )


@pytest.mark.parametrize(
    "output",
    [
        OWN.replace("example.invalid", "elsewhere.invalid"),
        OWN.replace("https://", "http://"),
        OWN.replace("https://", "https://user@"),
        OWN.replace("example.invalid", "example.invalid:8443"),
        OWN.replace("example.invalid", "example.invalid.evil.invalid"),
        OWN.replace("adfjobs", "blobs"),
        "",
        "no address",
    ],
)
def test_no_stderr_is_read_from_anywhere_else(output: str) -> None:
    wire, clients = with_stderr()
    assert stderr_tail([output], clients) == ""
    assert wire.sent == []


def test_a_failed_training_says_what_its_task_printed() -> None:
    azure = Azure(
        activity_runs=[
            {
                "activityRunId": "1",
                "status": "Failed",
                "output": {"exitcode": 2, "outputs": [OWN]},
                "error": {"message": "the task exited with 2"},
            }
        ]
    )
    azure.blobs.put("7/output/stderr.txt", b"why")
    status = get_training_status(Training(RUN, "pipeline-run-1"), azure.clients)
    assert (status.status, status.message, status.exit_code, status.stderr) == (
        "Failed",
        "the task exited with 2",
        2,
        "why",
    )


@pytest.mark.parametrize("size", [1, 1999, 2000, 2001, 20_000])
def test_of_a_long_stderr_a_run_keeps_the_last_2000_bytes(size: int) -> None:
    blobs = Blobs()
    printed = ("0123456789" * size)[:size]
    blobs.put("7/output/stderr.txt", printed.encode())
    assert stderr_tail([OWN], Wire(blobs).clients()) == printed[-2000:]


def test_a_failed_pipeline_run_of_which_nothing_is_known_has_an_empty_reason() -> None:
    status = get_training_status(Training(RUN, "pipeline-run-1"), Azure().clients)
    assert status == TrainingStatus("Failed", "", None, "")


@pytest.mark.parametrize("exit_code", [{}, {"exitcode": "2"}, {"exitcode": None}, {"exitcode": 1.5}])
def test_an_exit_code_that_is_no_whole_number_is_no_exit_code(exit_code: dict[str, object]) -> None:
    """An activity that Data Factory itself broke off, for example by its timeout, has none."""
    azure = Azure(activity_runs=[{"activityRunId": "1", "status": "TimedOut", "output": exit_code}])
    status = get_training_status(Training(RUN, "pipeline-run-1"), azure.clients)
    assert status == TrainingStatus("Failed", "", None, "")


def test_a_failed_activity_that_gives_no_reason_leaves_that_of_its_pipeline_run() -> None:
    azure = Azure(activity_runs=[{"activityRunId": "1", "status": "Failed"}], message="no quota")
    assert get_training_status(Training(RUN, "pipeline-run-1"), azure.clients).message == "no quota"


def test_the_failed_activity_is_found_on_whichever_page_it_is_listed() -> None:
    fine: dict[str, object] = {"activityRunId": "1", "status": "Succeeded"}
    failed: dict[str, object] = {"activityRunId": "2", "status": "Failed", "output": {"exitcode": 3}}
    azure = Azure(activity_runs=[fine, failed], page=1)
    assert get_training_status(Training(RUN, "pipeline-run-1"), azure.clients).exit_code == 3


# --- The status of a training ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Queued", "InProgress", "Canceling", "Cancelled"])
def test_a_pipeline_run_that_has_not_failed_has_its_own_status_and_message(status: str) -> None:
    """What a failed activity of it says is not asked: someone who cancels it makes its activity fail."""
    azure = Azure(status=status, message="stopped by hand")
    azure.activity_runs = [{"activityRunId": "1", "status": "Cancelled", "error": {"message": "another"}}]
    found = get_training_status(Training(RUN, "pipeline-run-1"), azure.clients)
    assert found == TrainingStatus(status, "stopped by hand")


def test_a_pipeline_run_that_succeeded_names_the_model_that_it_has_left() -> None:
    azure = Azure(status="Succeeded")
    assert get_training_status(Training(RUN, "1"), azure.clients) == TrainingStatus("Succeeded")
    model = f"runs/{RUN}/0/ab12/artifacts/model/MLmodel"
    azure.blobs.put(f"runs/{RUN}/0/ab12/artifacts/metrics.json", b"{}")
    azure.blobs.put(model, b"flavors: {}")
    assert get_training_status(Training(RUN, "1"), azure.clients) == TrainingStatus(
        "Succeeded", model_path=model
    )


# --- Clean-up -------------------------------------------------------------------------------------------

LEFT = CleanUp(RUN, UPLOAD.etag, pipeline_run_id="pipeline-run-1")
WAITING = ProvisioningStatus(done=False, operation_url="pipeline-run-1")


@pytest.mark.parametrize("status", ["Queued", "InProgress"])
def test_a_pipeline_run_in_progress_is_cancelled_and_waited_for(status: str) -> None:
    azure = Azure(status=status)
    wire = Wire(azure)
    assert cancel_training(LEFT, wire.clients()) == WAITING
    assert azure.cancelled == ["pipeline-run-1"]
    assert wire.sent[-1].query["isRecursive"].lower() == "true"


def test_a_pipeline_run_that_is_being_cancelled_is_waited_for_and_not_cancelled_again() -> None:
    azure = Azure(status="Canceling")
    assert cancel_training(LEFT, azure.clients) == WAITING
    assert azure.cancelled == []


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Cancelled"])
def test_a_pipeline_run_that_has_ended_needs_no_clean_up(status: str) -> None:
    azure = Azure(status=status)
    assert cancel_training(LEFT, azure.clients) == ProvisioningStatus(done=True)
    assert azure.cancelled == []
