"""The exit code of each error, and the parsing of options."""

import pytest
import typer
from localcloud.controls import NotRunningError, RefusedControlError
from localcloud.deploying import DeploymentFailedError
from localcloud.parts import PortTakenError

from runs.errors import RefusedError
from touchdown.cli.options import parse_metadata, parse_settings
from touchdown.cli.outcome import CommandError, Exit, known_error, reporting_errors
from touchdown.client import ApiError, ClientError, NotFoundError, StackNotRunningError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StackNotRunningError("nobody listens"), Exit.NOT_RUNNING),
        (PortTakenError("port 1 is taken"), Exit.CANNOT_START),
        (RefusedError("InvalidSetting", "epochs: 0 was given"), Exit.USAGE),
        (ApiError(400, "UnknownSetting", "no such setting", {}), Exit.USAGE),
        (ApiError(404, "RunNotFound", "there is no run", {}), Exit.REFUSED),
        (ApiError(409, "RunExists", "it has a run", {}), Exit.REFUSED),
        (ApiError(503, "ServiceUnavailable", "storage is away", {}), Exit.FAILED),
        (NotFoundError("run x has no report"), Exit.REFUSED),
        (ClientError("the job failed"), Exit.FAILED),
        (DeploymentFailedError("main", {"code": "Conflict", "message": "taken"}), Exit.CANNOT_START),
        (NotRunningError("nothing listens"), Exit.NOT_RUNNING),
        (RefusedControlError(404, "SiteNotFound", "no site", {}), Exit.FAILED),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: Exit) -> None:
    known = known_error(error)
    assert known is not None
    assert known.code is code
    assert str(error) in str(known)


def test_a_bug_of_touchdown_keeps_its_traceback() -> None:
    assert known_error(KeyError("pid")) is None
    with pytest.raises(KeyError), reporting_errors(as_json=False):
        raise KeyError("pid")


def test_ctrl_c_ends_a_command_as_shells_expect() -> None:
    with pytest.raises(typer.Exit) as ended, reporting_errors(as_json=False):
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130


def test_set_takes_names_in_any_case_and_values_with_equals_signs() -> None:
    assert parse_settings(["Epochs=20", "label=a=b"]) == {"epochs": "20", "label": "a=b"}


@pytest.mark.parametrize("given", ["epochs", "=20", ""])
def test_set_without_a_name_and_a_value_is_wrong_usage(given: str) -> None:
    with pytest.raises(CommandError, match="name=value") as refused:
        parse_settings([given])
    assert refused.value.code is Exit.USAGE


def test_a_setting_that_cannot_be_is_refused_before_anything_is_uploaded() -> None:
    with pytest.raises(RefusedError, match="epochs"):
        parse_metadata(["epochs=many"])
    with pytest.raises(RefusedError, match="colour"):
        parse_metadata(["colour=red"])


def test_a_setting_that_metadata_cannot_carry_names_the_other_way() -> None:
    with pytest.raises(CommandError, match="ASCII") as refused:
        parse_metadata(["label=größe"])
    assert "start DATASET" in refused.value.hint
