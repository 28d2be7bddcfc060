"""What a home remembers of its deployment, so that the next start deploys only what has changed."""

from pathlib import Path

import pytest
from localcloud.home import Home, Ports

from touchdown.errors import StackNotRunningError
from touchdown.local import deploying
from touchdown.local.deploying import Deployed


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", Ports.free())


def test_a_new_home_has_nothing_and_says_what_to_do(home: Home) -> None:
    assert Deployed.of(home) == Deployed()
    with pytest.raises(StackNotRunningError, match="run `touchdown up`"):
        deploying.deployed(home)
